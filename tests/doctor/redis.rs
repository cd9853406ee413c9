//! A redis-server that asks for a password.

use super::{assert_says, doctor};
use crate::faults::redis_server::RedisServer;

#[test]
#[ignore = "needs a redis-server: scripts/test starts one"]
fn a_password_that_is_missing_or_wrong_and_a_command_that_a_user_may_not_give() {
    let server = RedisServer::start_with(&["--requirepass", "s3cret-word"]);
    let small = ["ACL", "SETUSER", "small", "on", ">s3cret-word", "~*", "&*", "+@all", "-xgroup"];
    let made = server.cli().lines(&[&["-a", "s3cret-word"][..], &small].concat());
    assert_eq!(made, ["OK"]);
    let url = |who: &str| format!("redis://{who}127.0.0.1:{}", server.port);
    // An address alone stands for all transports that it fits.
    let done = doctor(&url(":s3cret-word@")).with_code(0);
    assert!(done.stdout.contains("redis-stream at ") && done.stdout.contains("redis-pubsub at "), "{done:?}");
    assert!(done.stdout.contains("ok    server     redis-server 7"), "{done:?}");
    for who in ["", ":wr0ng-word@", "nobody:s3cret-word@"] {
        let says = &["FAIL commands redis-server refused the login at", "set USER:PASSWORD@ in redis.url"];
        assert_says(&format!("redis-stream {}", url(who)), says);
    }
    assert_says(
        &format!("redis-stream {}", url("small:s3cret-word@")),
        &["FAIL commands failed to create the groups", "xgroup", "give this user the permission for it"],
    );
}
