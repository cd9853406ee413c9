//! Confirms, outages and backlogs in documents.

use super::*;

#[test]
fn confirms_and_outages_are_read_by_others() {
    let document: serde_json::Value = serde_json::from_str(&to_json(&judged()).unwrap()).unwrap();
    let run = &document["runs"][0];
    let orders = &run["confirms"][0];
    let counts = ["confirmed", "refused", "unconfirmed"].map(|name| orders[name].as_u64());
    assert_eq!((orders["destination"].as_str(), counts), (Some("orders"), [Some(3), Some(4), Some(2)]));
    assert_eq!((&orders["confirm_ns"]["count"], &orders["confirm_ns"]["max"]), (&3.into(), &4_000.into()));
    assert_eq!(run["confirms"].as_array().unwrap().len(), 2, "of both trials, by destination");
    let trial = &run["trials"][0];
    assert_eq!(trial["flows"]["refused"], 3);
    assert_eq!(
        (&trial["series"][1]["unconfirmed"], &trial["series"][1]["confirm_p99_ns"]),
        (&12.into(), &5_000.into())
    );
    let expected = serde_json::json!([
        { "instance": "worker#2", "cause": "consumer-killed", "at_ns": 5, "away_ns": 7, "in_hand": 9 },
        { "instance": "worker#2", "cause": "connection-killed", "at_ns": 5, "away_ns": 7, "in_hand": 0, "unconfirmed": 4 },
        { "instance": "worker#2", "cause": "absent", "at_ns": 5, "away_ns": 7 },
        { "instance": "worker#2", "cause": "connection-lost", "at_ns": 5, "away_ns": 7, "until_end": true, "why": "the server stopped" },
    ]);
    assert_eq!(trial["outages"], expected);
    for cause in outages().iter().map(|outage| outage.cause) {
        assert!(trial["outages"].to_string().contains(cause.word()), "{cause:?}");
    }
    // Of transports that confirm nothing the document says nothing, as before.
    let other = document["runs"][1].to_string();
    assert!(
        !other.contains("confirm_ns") && !other.contains("outages") && !other.contains("refused"),
        "{other}"
    );
}

#[test]
fn what_a_foreign_record_says_of_confirms_is_checked() {
    let json = to_json(&judged()).unwrap();
    let broken = |name: &str, value: &str| {
        let (head, trial) = json.split_at(json.rfind("\"destination\": \"stock\"").unwrap());
        let at = trial.find(&format!("\"{name}\": ")).unwrap() + name.len() + 4;
        let end = at + trial[at..].find([',', '\n']).unwrap();
        [head, &trial[..at], value, &trial[end..]].concat()
    };
    let most = u64::MAX.to_string();
    assert_error(&broken("refused", &most), &["runs[0].trials[0].confirms[1].refused", "64 bits"]);
    assert_error(&broken("sum", "99999999999999999999999999"), &["confirms.sum", "cannot have a sum"]);
    assert_error(&broken("count", "77"), &["runs[0].trials[0].confirms[1].confirm_ns", "count is 77"]);
    assert_error(&broken("at_ns", &most), &["runs[0].trials[0].outages[0].at_ns", "64 bits"]);
    let named = json.replace("\"stock\"", &format!("\"{}\"", "x\\n".repeat(400)));
    let destination = &from_json(&named).unwrap().runs[0].trials[0].confirms[1].destination;
    assert!(
        destination.chars().count() <= crate::plain::NAME_LEN && !destination.contains('\n'),
        "{destination}"
    );
}

#[test]
fn a_backlog_is_read_by_others_and_checked() {
    let document: serde_json::Value = serde_json::from_str(&to_json(&judged()).unwrap()).unwrap();
    let told = &document["runs"][0]["trials"][0]["backlog"];
    let words: Vec<&str> =
        told["phases"].as_array().unwrap().iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(words, ["piling-up", "catching-up"]);
    assert_eq!(
        (&told["level_ns"], &told["drained_per_s"]),
        (&serde_json::Value::Null, &serde_json::json!(-1e8))
    );
    // 12 messages in 100 ns.
    let limit =
        serde_json::json!({ "per_s": 5e8, "held_back_ns": 20, "held_back_share": 0.2, "reached": false });
    assert_eq!(told["limit"], limit);
    assert!(told["phases"][1].get("confirm_ns").is_none(), "nothing was confirmed in it: {told}");
    let broken = |path: &str, value: serde_json::Value| {
        let mut document = document.clone();
        *document["runs"][0]["trials"][0]["backlog"].pointer_mut(path).unwrap() = value;
        from_json(&document.to_string()).unwrap_err().to_string()
    };
    for (path, named) in [
        ("/waiting", "backlog.waiting"),
        ("/phases/1/sent", "backlog.phases.sent"),
        ("/server/ready", "backlog.server.ready"),
        ("/limit/held_back_ns", "backlog.limit.held_back_ns"),
    ] {
        let said = broken(path, u64::MAX.into());
        assert!(said.contains(named) && said.contains("64 bits"), "{said}");
    }
    let said = broken("/phases/0/phase", "afterwards".into());
    assert!(said.contains("in this order"), "{said}");
}
