//! What cannot be done is refused in a sentence.

use crate::{
    NAME, few,
    support_sqs::SqsServer,
    trial::{Trial, ends, headers, one_hop},
};
use drumpost_core::{scenario::Style, transport::OpenError};

fn refused(trial: &Trial, server: &SqsServer) -> String {
    match trial.run(NAME, &server.url(), one_hop(ends)) {
        Err(OpenError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "needs an ElasticMQ server: scripts/test starts one"]
fn what_the_server_does_not_have_or_take_is_refused() {
    let server = SqsServer::start();
    let why = refused(&Trial { style: Style::Event, ..few() }, &server);
    assert!(why.contains("Event `order.placed` needs a topic of SNS") && why.contains("has none"), "{why}");
    let why = refused(&Trial { headers: headers(11, 8), ..few() }, &server);
    assert!(why.contains("at most 10 headers"), "{why}");
    // Three quarters of 256 KiB are left by Base64, and 48 bytes are the header's.
    let most = 192 * 1024 - 48;
    let why = refused(&Trial { payload_len: most + 1, ..few() }, &server);
    assert!(why.contains("at most 196608 bytes"), "{why}");
    let fits = Trial { payload_len: most, extent: drumpost_core::load::Extent::Count(20), ..few() };
    let outcome = fits.run(NAME, &server.url(), one_hop(ends)).unwrap();
    assert_eq!((outcome.audit.unique, outcome.audit.refused), (20, Some(0)), "{:?}", outcome.notes);
    assert_eq!(server.tools().queues(), [""; 0], "nothing is left of what was refused");
}
