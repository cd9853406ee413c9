//! What another client sees: how many messages there are, and by which means of the protocol they travel.

use crate::{
    NAME,
    support_mosquitto::Mosquitto,
    trial::{Trial, assert_sound, headers, order_authorization},
};
use drumpost_core::{load::Extent, scenario::Style};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// `mosquitto_sub`, which hears everything of a run, over a session that the server keeps.
pub(crate) struct Counter {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Counter {
    /// Hears the payloads of all messages.
    pub(crate) fn start(server: &Mosquitto) -> Self {
        Self::hears(server, "#", "%x")
    }

    /// Has a line of this form for each message.
    fn hears(server: &Mosquitto, topics: &str, form: &str) -> Self {
        // By lines, which it does not do when it writes into a pipe.
        let mut sub = Command::new("stdbuf");
        sub.arg("-oL").arg(Mosquitto::beside("mosquitto_sub"));
        sub.args(["-V", "mqttv5", "-h", "127.0.0.1", "-p", &server.port.to_string(), "-q", "1", "-c"]);
        sub.args(["-i", "counter", "-t", topics, "-F", form, "-d"]);
        let mut child = sub.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("mosquitto_sub");
        let mut told = BufReader::new(child.stdout.take().expect("its output")).lines();
        // With -d it tells what it does, and so when it has subscribed.
        assert!(told.by_ref().any(|line| line.is_ok_and(|line| line.contains("received SUBACK"))));
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&lines);
        thread::spawn(move || {
            let is_own =
                |line: &String| !line.starts_with("Client counter ") && !line.starts_with("Subscribed");
            told.map_while(Result::ok)
                .filter(is_own)
                .for_each(|line| all.lock().expect("not poisoned").push(line));
        });
        Self { child, lines }
    }

    /// The lines, once there are so many different ones, or some seconds later.
    fn lines(&self, expected: u64) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for _ in 0..100 {
            all = self.lines.lock().expect("not poisoned").iter().cloned().collect();
            if all.len() as u64 >= expected {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        // One more would be here by now.
        thread::sleep(Duration::from_millis(200));
        all.extend(self.lines.lock().expect("not poisoned").iter().cloned());
        all
    }

    /// How many different messages there were, once none has come for half a second.
    pub(crate) fn distinct(&self) -> u64 {
        let lines = || self.lines.lock().expect("not poisoned");
        let mut came = 0;
        for _ in 0..60 {
            let before = std::mem::replace(&mut came, lines().len());
            if before == came && came > 0 {
                break;
            }
            thread::sleep(Duration::from_millis(500));
        }
        lines().iter().collect::<BTreeSet<_>>().len() as u64
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs a mosquitto: scripts/test starts one"]
fn requests_name_where_the_answer_goes_and_headers_are_user_properties() {
    let server = Mosquitto::start();
    let trial = Trial {
        style: Style::Message,
        instances: &[("order", 2)],
        extent: Extent::Count(100),
        headers: headers(2, 16),
        ..Trial::default()
    };
    let counter = Counter::hears(&server, "#", "%t %q R=%R D=%D X=%x P=%P");
    assert_sound(&trial.run(NAME, &server.url(), order_authorization()).unwrap(), 290);
    let lines = counter.lines(290);
    assert_eq!(lines.len(), 290, "{:?}", lines.first());
    let part =
        |line: &str, from: &str| line.split_once(from).unwrap().1.split(' ').next().unwrap().to_owned();
    let mut answers = BTreeSet::new();
    for line in &lines {
        let topic = line.split(' ').next().unwrap();
        assert!(line.contains(" P=drumpost-1:") && line.contains(" drumpost-2:"), "{line}");
        assert!(line.contains(" 1 R="), "QoS 1: {line}");
        if topic.ends_with("/reply/0") || topic.ends_with("/reply/1") {
            answers.insert((topic.to_owned(), part(line, "D=")));
        }
    }
    let requests: BTreeSet<_> = lines.iter().filter(|line| line.contains("/authorize 1 ")).collect();
    assert_eq!((requests.len(), answers.len()), (100, 100));
    for request in requests {
        let asked = (part(request, "R="), part(request, "D="));
        assert!(answers.contains(&asked), "no answer to {request}");
    }
}
