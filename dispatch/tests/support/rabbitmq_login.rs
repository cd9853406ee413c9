//! Logins at a RabbitMQ server, by which every transport of that server goes: users, passwords and virtual hosts.

use crate::{
    support_rabbitmq::RabbitServer,
    trial::{Trial, assert_sound, ends, one_hop},
};
use drumpost_core::{load::Extent, transport::OpenError};

/// A password; it may stand nowhere.
const SECRET: &str = "hush0815hush";

/// Runs trials of a transport with several users and virtual hosts of a server, whose address for this transport is `url`. A login
/// that the server refuses has to be told with the address and the name of the password's option, and without the password.
pub(crate) fn assert_asked_for_and_never_shown(
    transport: &str,
    server: &RabbitServer,
    url: &str,
    trial: &Trial,
) {
    let tools = server.tools();
    for command in [
        &["add_user", "me", SECRET][..],
        &["add_vhost", "the shop"],
        &["set_permissions", "-p", "the shop", "me", ".*", ".*", ".*"],
    ] {
        tools.ctl(command);
    }
    let trial = Trial { extent: Extent::Count(100), ..trial.clone() };
    let run = |url: &str| trial.run(transport, url, one_hop(ends));
    let with = |who: &str, path: &str| url.replace("://", &format!("://{who}@")) + path;
    assert_sound(&run(&with("guest:guest", "/%2f")).expect("it is let in"), 100);
    assert_sound(&run(&with(&format!("me:{SECRET}"), "/the%20shop")).expect("it is let in"), 100);
    for wrong in [
        with(&format!("me:{SECRET}2"), ""),
        with(&format!("you:{SECRET}"), ""),
        // Not allowed there, and not there.
        with(&format!("me:{SECRET}"), "/%2f"),
        with(&format!("me:{SECRET}"), "/elsewhere"),
    ] {
        let Err(OpenError::Failed(what)) = run(&wrong) else { panic!("{wrong}") };
        assert!(what.contains(url) && !what.contains(SECRET), "{what}");
        assert!(
            what.contains("refused the login") && what.contains(&format!("{transport}.password")),
            "{what}"
        );
    }
    tools.ctl(&["delete_vhost", "the shop"]);
    tools.ctl(&["delete_user", "me"]);
}
