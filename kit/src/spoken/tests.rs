//! A connection over a small protocol: a line is a message (`M7`), a reply that is apart (`R7`), an answer (`A`) or an error (`E why`).

use super::*;
use crate::{inbox::tests::wiring, server::At};
use std::{
    convert::Infallible,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

struct Lines {
    hears: bool,
}

impl Protocol for Lines {
    // At each look.
    const ASKS_EVERY: Duration = LOOKS_EVERY;

    fn next(&mut self, socket: &mut Socket) -> PortResult<Option<Came>> {
        let line = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            Ok::<_, Infallible>(end.map(|end| (String::from_utf8_lossy(&bytes[..end]).into_owned(), end + 1)))
        };
        let Some(line) = socket.input.next(line).unwrap() else { return Ok(None) };
        let (kind, rest) = line.split_at(1);
        let message = || Message::start(0, rest.parse().unwrap(), 0, 0, 0);
        match kind {
            "M" => Ok(Some(Came::Message(message(), false))),
            "R" => Ok(Some(Came::Message(message(), true))),
            "A" => Ok(Some(Came::Answer)),
            _ => Err(socket.line.broken(false, &rest.trim_start())),
        }
    }

    fn heading(&self, place: &str, _reply: Option<&str>) -> Vec<u8> {
        place.into()
    }

    fn publish(&self, heading: &[u8], message: &Message, out: &mut Vec<u8>) {
        out.extend_from_slice(heading);
        out.extend_from_slice(format!(" {}\n", message.number).as_bytes());
    }

    fn ask(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"?\n");
    }

    fn hears(&self) -> bool {
        self.hears
    }

    fn hear_no_more(&mut self, out: &mut Vec<u8>) {
        self.hears = false;
        out.extend_from_slice(b"no more\n");
    }
}

/// What the server reads and writes, line by line.
struct Server(BufReader<TcpStream>);

impl Server {
    fn reads(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn says(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }
}

type Ports = Endpoint<Outlet<Lines>, Inlet<Lines>>;

/// The ports of the instance that hears, or of the one that sends, and a server that has answered once.
fn open(hears: bool) -> (Ports, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = Arc::new(At::new("broker", &format!("tcp://{}", listener.local_addr().unwrap())));
    let (socket, _) = Socket::connect(&at, &Until::after(PATIENCE), "start one").unwrap();
    let mut server = Server(BufReader::new(listener.accept().unwrap().0));
    server.says("A\n");
    let wiring = wiring();
    let layout = (Layout::new(&wiring, '.'), u16::from(hears));
    let ports = Spoken::open(socket, Lines { hears }, &wiring, layout, &Keeper::default()).unwrap();
    assert_eq!(server.reads(), "?");
    (ports, server)
}

/// What comes to the inbox within some seconds: the numbers of the flows.
fn drained(inbox: &mut Inlet<Lines>, from: Part) -> PortResult<Vec<u32>> {
    let until = Until::after(PATIENCE);
    let mut all = Vec::new();
    while until.left().is_some() {
        let mut take = |batch: &[Message], _: &[Told]| all.extend(batch.iter().map(|message| message.number));
        if inbox.drain(from, 8, &mut take)? > 0 {
            break;
        }
    }
    Ok(all)
}

#[test]
fn whoever_awaits_a_reply_is_handed_nothing_else() {
    let (ports, mut server) = open(true);
    let mut inbox = ports.inbox.unwrap();
    server.says("M1\nR2\nM3\n");
    assert_eq!(drained(&mut inbox, Part::Replies), Ok(vec![2]));
    server.says("M4\nR5\n");
    assert_eq!(drained(&mut inbox, Part::All), Ok(vec![1, 3]), "what was kept comes first");
    assert_eq!(drained(&mut inbox, Part::All), Ok(vec![4, 5]));
    drop(inbox);
    assert_eq!(server.reads(), "no more");
}

#[test]
fn a_failure_is_told_to_all_ports_after_what_came_before_it() {
    let (ports, mut server) = open(true);
    let mut inbox = ports.inbox.unwrap();
    server.says("M1\nE not allowed\nM2\n");
    assert_eq!(drained(&mut inbox, Part::All), Ok(vec![1]));
    let error = drained(&mut inbox, Part::All).unwrap_err();
    assert!(matches!(&error, PortError::Failed(why) if why.ends_with("said: not allowed")), "{error}");
    assert_eq!(inbox.finish(PATIENCE), Err(error));
}

#[test]
fn what_is_offered_goes_out_together_when_it_is_flushed() {
    let (mut ports, mut server) = open(false);
    assert!(ports.inbox.is_none());
    let [outlet] = &mut ports.sends[..] else { panic!("one destination") };
    let batch = [7, 8].map(|number| Message::start(0, number, 0, 0, 0));
    assert_eq!(outlet.offer(&batch), Ok(2));
    outlet.flush().unwrap();
    assert_eq!([server.reads(), server.reads()], ["test.place 7", "test.place 8"]);
    server.says("E full\n");
    let shared = Arc::clone(&outlet.shared);
    lock(&shared).socket.wait_for_more(PATIENCE);
    let until = Until::after(PATIENCE);
    while outlet.offer(&batch).is_ok() && until.left().is_some() {
        lock(&shared).tend(0);
    }
    let error = outlet.offer(&batch).unwrap_err();
    assert!(error.to_string().ends_with("said: full"), "nobody hears it but who looks after it: {error}");
}

#[test]
fn a_server_that_is_silent_is_told_apart_from_one_that_has_nothing_to_say() {
    let (ports, mut server) = open(true);
    let mut inbox = ports.inbox.unwrap();
    let look = |inbox: &mut Inlet<Lines>| {
        let looked = inbox.drain(Part::All, 8, |_, _| {});
        lock(&inbox.shared).tend(0);
        looked
    };
    for _ in 0..5 {
        assert_eq!(look(&mut inbox), Ok(0));
        assert_eq!(server.reads(), "?");
        server.says("A\nM1\n");
        assert_eq!(drained(&mut inbox, Part::All), Ok(vec![1]));
    }
    let end = Until::after(PATIENCE);
    let error = loop {
        match look(&mut inbox) {
            Ok(_) => assert!(end.left().is_some(), "the silence is not noticed"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("answered no ping for 750ms"), "{error}");
}

#[test]
fn a_server_that_does_not_answer_after_the_run_leaves_it_unknown_what_is_lost() {
    let (ports, _server) = open(true);
    let error = ports.inbox.unwrap().finish(Duration::from_millis(20)).unwrap_err().to_string();
    assert!(error.contains("was silent: it did not answer for 20ms after the run"), "{error}");
}
