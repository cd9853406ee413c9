//! Tests of the options and of names; those with a server are in `dispatch/tests/sqs`.

use super::{
    connect::{Failure, sort},
    *,
};
use drumpost_core::options::Options;

fn made(set: &[(&str, &str)]) -> Result<Sqs, String> {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    Sqs::from_options(&options.of(&OPTIONS).map_err(|error| error.to_string())?)
}

#[test]
fn an_address_names_both_services_and_the_region() {
    for (url, address, endpoints, region) in [
        ("127.0.0.1:9324", "http://127.0.0.1:9324", ["http://127.0.0.1:9324"; 2], "us-east-1"),
        (
            "https://sqs.eu-central-1.amazonaws.com",
            "https://sqs.eu-central-1.amazonaws.com:443",
            ["https://sqs.eu-central-1.amazonaws.com", "https://sns.eu-central-1.amazonaws.com"],
            "eu-central-1",
        ),
    ] {
        let server = made(&[("sqs.url", url)]).unwrap().server;
        assert_eq!((server.at.address(), server.region.as_str()), (address, region));
        assert_eq!(server.endpoints, endpoints);
    }
    let elsewhere = made(&[("sqs.url", "https://sqs.eu-central-1.amazonaws.com"), ("sqs.region", "here")]);
    assert_eq!(elsewhere.unwrap().server.region, "here", "what is set counts");
}

#[test]
fn an_address_has_no_place_for_credentials() {
    for url in ["http://me:s3cret@broker", "http://s3cret@broker:9", "me:s3cret@broker"] {
        let said = made(&[("sqs.url", url)]).unwrap_err();
        assert!(said.contains("AWS_ACCESS_KEY_ID") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn times_are_whole_seconds() {
    assert_eq!(made(&[("sqs.wait", "0s"), ("sqs.visibility", "2s")]).unwrap().shape.visibility_s, 2);
    for (name, value) in [("sqs.wait", "500ms"), ("sqs.visibility", "1.5s")] {
        let said = made(&[(name, value)]).unwrap_err();
        assert!(said.contains(name) && said.contains("whole seconds"), "{said}");
    }
    for (name, value) in [("sqs.wait", "21s"), ("sqs.visibility", "0s"), ("sqs.max-receives", "1001")] {
        assert!(made(&[(name, value)]).is_err(), "{name}={value} is more or less than SQS has");
    }
}

#[test]
fn names_can_be_listed_and_say_what_they_are_of() {
    let shape = made(&[("sqs.max-receives", "2")]).unwrap().shape;
    assert_eq!(
        (shape.name("drumpost-7_work", ""), shape.name("suite_work", "_x")),
        ("drumpost-7_work".into(), "drumpost-suite_work_x".into())
    );
    let fifo = made(&[("sqs.fifo", "true")]).unwrap().shape;
    assert_eq!((fifo.name("drumpost-7_work", "_x"), fifo.limit), ("drumpost-7_work_x.fifo".into(), None));
}

#[test]
fn what_cannot_be_promised_is_refused() {
    let limited = made(&[("sqs.max-receives", "2")]).unwrap();
    let before = Asked { guarantee: None, acks: Some(Acks::Before) };
    let said = limited.promise(entry().promise, &before).unwrap_err();
    assert!(said.contains("leave sqs.max-receives or --acks before out"), "{said}");
    assert_eq!(limited.promise(entry().promise, &Asked::default()).unwrap().order, Order::None);
    let fifo = made(&[("sqs.fifo", "true")]).unwrap();
    assert_eq!(fifo.promise(entry().promise, &Asked::default()).unwrap().order, Order::PerKey);
}

#[test]
fn the_owner_of_a_queue_is_read_from_its_tag() {
    let tag = queues::owner();
    assert!(
        tag.len() <= 256 && tag.chars().all(|c| c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c)),
        "{tag}"
    );
    assert_eq!(Owner::read(&queues::readable(&tag)), Owner::this());
}

#[test]
fn only_a_server_that_does_not_know_a_service_lacks_it() {
    let failure = |code: Option<&str>| Failure { code: code.map(str::to_owned), why: "it says so".into() };
    for code in ["InvalidAction", "com.amazonaws#UnknownOperationException", "NotImplemented", "HTTP 404"] {
        assert!(failure(Some(code)).is_no_service(), "{code}");
    }
    for code in ["AuthorizationError", "AccessDenied", "Throttling", "NotFound", "HTTP 500"] {
        assert!(!failure(Some(code)).is_no_service(), "{code}");
    }
    assert!(!failure(None).is_no_service(), "no answer says nothing of the server");
}

#[test]
fn a_queue_whose_tags_cannot_be_read_is_kept_with_the_reason() {
    let mut found = Found::default();
    let failure = |code: &str| Err(Failure { code: Some(code.into()), why: code.into() });
    sort(&mut found, "another".into(), Ok(None)).unwrap();
    sort(&mut found, "removed".into(), failure("AWS.SimpleQueueService.NonExistentQueue")).unwrap();
    sort(&mut found, "running".into(), Ok(Some(queues::owner()))).unwrap();
    sort(&mut found, "hidden".into(), failure("AccessDenied")).unwrap();
    assert!(found.dead.is_empty(), "{found:?}");
    let [running, hidden] = &found.kept[..] else { panic!("{found:?}") };
    assert!(running.starts_with("running: process "), "{running}");
    assert_eq!(hidden, "hidden: the tag that says who made it cannot be read (AccessDenied)");
    let silence = Failure { code: None, why: "time-out".into() };
    assert!(sort(&mut found, "slow".into(), Err(silence)).is_err(), "one silence ends the listing");
}
