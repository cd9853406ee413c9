//! What a server refuses, and what dead processes left behind.

use crate::{
    NAME,
    support_kafka::{KafkaServer, SECRET},
    trial::{Trial, assert_sound, ends, made, one_hop},
};
use drumpost_core::{load::Extent, transport::OpenError};
use drumpost_kit::owner::Owner;

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn a_password_is_asked_for_and_never_shown() {
    let server = KafkaServer::start();
    let trial = Trial { extent: Extent::Count(100), ..Trial::default() };
    let with = |who: &str| format!("kafka://{who}{}", server.guarded());
    assert_sound(&trial.run(NAME, &with(&format!("me:{SECRET}@")), one_hop(ends)).unwrap(), 100);
    for url in [with(&format!("me:{SECRET}2@")), with(&format!("you:{SECRET}@"))] {
        let Err(OpenError::Failed(what)) = trial.run(NAME, &url, one_hop(ends)) else { panic!("{url}") };
        assert!(what.contains(&server.guarded()) && !what.contains(SECRET), "{what}");
        assert!(what.contains("refused the login") && what.contains("kafka.password"), "{what}");
    }
}

#[test]
#[ignore = "needs a Kafka server: scripts/test starts one"]
fn topics_of_dead_processes_are_cleaned_and_no_others() {
    let server = KafkaServer::start();
    let Some(this) = Owner::this() else { return };
    let alive = this.description();
    let dead = alive.split(" started=").next().unwrap().to_owned() + " started=1";
    for (topic, owner) in [("dead", dead.as_str()), ("alive", alive.as_str()), ("mine", "")] {
        server.plain().create(topic, owner);
    }
    let cleaned = made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!((cleaned.at, cleaned.removed), (server.url(), vec!["dead".to_owned()]));
    assert!(cleaned.kept.len() == 1 && cleaned.kept[0].starts_with("alive: process "), "{:?}", cleaned.kept);
    let mut names = server.plain().names();
    names.sort();
    assert_eq!(names, ["alive", "mine"]);
    // The note goes with the topic.
    server.plain().create("dead", "");
    let cleaned = made(NAME, &server.url(), &[]).clean().unwrap().unwrap();
    assert_eq!(cleaned.removed, [""; 0]);
    server.plain().remove_all();
}
