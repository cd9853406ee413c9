//! Messages over a server that is killed and started again. Of events, a queue of another client gets a copy from each exchange of the
//! run. Commands go to their queues directly, where nobody can get a copy; of them the server says how many are left.

use crate::{
    NAME,
    counted::{Count, Counted, Row, assert_each, over_restart},
    support_rabbitmq::{RabbitServer, Tools},
};
use drumpost_core::{outcome::Outcome, promise::Acks, scenario::Style};
use std::{thread, time::Duration};

const EVERY_NS: u64 = 1_000_000;

const CLASSIC: &[(&str, &str)] = &[("rabbitmq.queue", "classic")];
const TRANSIENT: &[(&str, &str)] = &[("rabbitmq.queue", "transient")];

const ROWS: [Row; 7] = [
    Row::of(NAME, Style::Message, EVERY_NS),
    Row { is_usual: true, ..Row::of(NAME, Style::Event, EVERY_NS) },
    Row { options: CLASSIC, ..Row::of(NAME, Style::Message, EVERY_NS) },
    Row { options: CLASSIC, ..Row::of(NAME, Style::Event, EVERY_NS) },
    Row { acks: Acks::Before, ..Row::of(NAME, Style::Message, EVERY_NS) },
    Row { acks: Acks::Before, ..Row::of(NAME, Style::Event, EVERY_NS) },
    Row { options: TRANSIENT, keeps: false, ..Row::of(NAME, Style::Message, EVERY_NS) },
];

/// The queue of another client.
const COPIES: &str = "another-counts";

/// How many messages are in all queues whose name begins like this.
fn messages(tools: &Tools, name: &str) -> u64 {
    let all = tools.ctl(&["list_queues", "-q", "--no-table-headers", "name", "messages"]);
    let of =
        |line: &String| line.split_once('\t').filter(|(of, _)| of.starts_with(name))?.1.parse::<u64>().ok();
    all.iter().filter_map(of).sum()
}

/// Binds a queue to each exchange. It is a classic one, which tells at once how many messages it has. The server confirms an event when it is in
/// both queues.
struct Copies(Tools);

impl Count for Copies {
    fn begins(&mut self) {
        let queue = r#"{"durable":true,"auto_delete":false,"arguments":{"x-queue-type":"classic"}}"#;
        self.0.ask("PUT", &format!("queues/%2f/{COPIES}"), queue);
        for exchange in self.0.all("exchanges") {
            let exchange = exchange["name"].as_str().expect("it has one");
            let binding = format!("bindings/%2f/e/{exchange}/q/{COPIES}");
            self.0.ask("POST", &binding, r#"{"routing_key":""}"#);
        }
    }

    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        let copies = messages(&self.0, COPIES);
        self.0.ask("DELETE", &format!("queues/%2f/{COPIES}"), "");
        Counted::Copied(copies)
    }
}

/// Asks how many messages are left. A quorum queue counts every five seconds.
struct Left(Tools);

impl Count for Left {
    fn counts(&mut self, _outcome: &Outcome) -> Counted {
        let mut left = messages(&self.0, "");
        for _ in 0..6 {
            if left == 0 {
                break;
            }
            thread::sleep(Duration::from_secs(1));
            left = messages(&self.0, "");
        }
        Counted::Left(left)
    }
}

#[test]
#[ignore = "needs a RabbitMQ server: scripts/test starts one"]
fn a_server_that_is_killed_keeps_what_it_confirmed_and_another_queue_gets_as_many() {
    assert_each(&ROWS, |row, flows| {
        let mut server = RabbitServer::start();
        server.tools().remove_all();
        let (tools, url) = (server.tools(), server.url());
        let count: Box<dyn Count> = match row.style {
            Style::Event => Box::new(Copies(tools)),
            Style::Message => Box::new(Left(tools)),
        };
        over_restart(row, flows, (&mut server, &url), count)
    });
}
