//! Bytes of a server, whole, in pieces, damaged and hostile.

use super::*;
use crate::nats::headers;
use drumpost_kit::socket::Input;
use proptest::{collection::vec, prelude::*};

/// What an input has at first.
const INPUT_LEN: usize = 128 * 1024;

/// A frame that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Message(u64, Vec<u8>, Vec<u8>, Vec<u8>),
    Other(String),
}

fn owned(frame: Frame<'_>) -> Owned {
    match frame {
        Frame::Message { subscription, subject, headers, payload } => {
            Owned::Message(subscription, subject.to_vec(), headers.to_vec(), payload.to_vec())
        }
        other => Owned::Other(format!("{other:?}")),
    }
}

/// What a buffer says of `bytes` that come in pieces of these lengths, the last of which is repeated; and how large it became.
fn read(bytes: &[u8], pieces: &[usize], longest: usize) -> (Vec<Owned>, Option<Malformed>, usize) {
    let (mut buffer, mut all) = (Input::default(), Vec::new());
    let (mut left, mut at) = (bytes, 0);
    loop {
        loop {
            match buffer.next(|bytes| parse(bytes, longest)) {
                Ok(Some(frame)) => all.push(owned(frame)),
                Ok(None) => break,
                Err(error) => return (all, Some(error), buffer.capacity()),
            }
        }
        if left.is_empty() {
            return (all, None, buffer.capacity());
        }
        let room = buffer.room();
        let len = pieces[at.min(pieces.len() - 1)].clamp(1, room.len().min(left.len()));
        room[..len].copy_from_slice(&left[..len]);
        buffer.filled(len);
        left = &left[len..];
        at += 1;
    }
}

fn whole(bytes: &[u8]) -> (Vec<Owned>, Option<Malformed>) {
    let (all, error, _) = read(bytes, &[usize::MAX], 1 << 20);
    (all, error)
}

#[test]
fn each_operation_is_read() {
    let text = "INFO {\"a\":1} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Stale Connection'\r\nMSG a.b 7 5\r\nhello\r\n\
                MSG a.b 7 _re.ply 0\r\n\r\nHMSG a 12 18 20\r\nNATS/1.0\r\nx: y\r\n\r\nz\n\r\n\
                HMSG a 12 re 12 12\r\nNATS/1.0\r\n\r\n\r\n";
    let (frames, error) = whole(text.as_bytes());
    let said = |frame: &Owned| match frame {
        Owned::Other(said) => said.clone(),
        Owned::Message(number, subject, headers, payload) => {
            let [subject, headers, payload] =
                [subject, headers, payload].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            format!("{number} {subject} {headers:?} {payload:?}")
        }
    };
    assert_eq!(error, None, "{frames:?}");
    let messages: Vec<String> = frames[5..].iter().map(said).collect();
    assert_eq!(
        messages,
        [
            "7 a.b \"\" \"hello\"",
            "7 a.b \"\" \"\"",
            "12 a \"NATS/1.0\\r\\nx: y\\r\\n\\r\\n\" \"z\\n\"",
            "12 a \"NATS/1.0\\r\\n\\r\\n\" \"\"",
        ]
    );
    assert_eq!(said(&frames[1]), "Ping");
    assert_eq!(frames[4], owned(Frame::Error(b"'Stale Connection'")));
}

#[test]
fn what_no_server_sends_is_an_error() {
    for text in [
        "HTTP/1.1 400 Bad Request\r\n",
        "MSG a 1\r\n",
        "MSG a 1 2 3 4\r\n",
        "MSG a x 1\r\n",
        "MSG a 1 -1\r\n",
        "MSG a 1 +1\r\n",
        "MSG  1 1\r\na\r\n",
        "MSG a 1 99999999999999999999\r\n",
        "MSG a 1 1\r\nabc\r\n",
        "HMSG a 1 3 2\r\nab\r\n",
        "HMSG a 1 2\r\nab\r\n",
        "PING\n",
        "ping\r\n",
        "\r\n",
        "PUB a 1\r\nx\r\n",
    ] {
        assert_eq!(whole(text.as_bytes()), (vec![], Some(Malformed::Line)), "{text:?}");
    }
    let said = |error: Malformed| error.to_string();
    let (_, error, _) = read(b"MSG a 1 101\r\n", &[1], 100);
    assert!(said(error.unwrap()).starts_with("a message has 101 bytes"), "{error:?}");
    let (_, error, len) = read(&vec![b'x'; 1 << 20], &[1000], 100);
    assert_eq!((error, len), (Some(Malformed::LineLen), INPUT_LEN));
}

#[test]
fn a_message_that_is_longer_than_the_buffer_makes_it_larger_once() {
    let len = 3 * INPUT_LEN;
    let one = [format!("MSG a 1 {len}\r\n").into_bytes(), vec![7; len], b"\r\n".to_vec()].concat();
    let (frames, error, capacity) = read(&one.repeat(5), &[60_000], len);
    assert_eq!((frames.len(), error), (5, None));
    assert_eq!(capacity, 4 * INPUT_LEN);
}

/// A sound operation as bytes.
fn operation() -> impl Strategy<Value = Vec<u8>> {
    let message = ("[a-z.]{1,20}", 1..100_u32, proptest::option::of("[a-z.]{1,9}"), vec(any::<u8>(), 0..300));
    let plain = message.prop_map(|(subject, number, reply, payload)| {
        let reply = reply.map_or(String::new(), |reply| format!(" {reply}"));
        let line = format!("MSG {subject} {number}{reply} {}\r\n", payload.len());
        [line.as_bytes(), &payload, b"\r\n"].concat()
    });
    let with_headers =
        ("[a-z]{1,9}", "[!-~]{0,30}", vec(any::<u8>(), 0..99)).prop_map(|(name, value, payload)| {
            let block = format!("NATS/1.0\r\n{name}: {value}\r\n\r\n");
            let line = format!("HMSG a.b 3 {} {}\r\n", block.len(), block.len() + payload.len());
            [line.as_bytes(), block.as_bytes(), &payload, b"\r\n"].concat()
        });
    let words = prop_oneof!["PING", "PONG", "\\+OK", "-ERR '[A-Za-z ]{0,30}'", "INFO \\{[a-z\":,]{0,50}\\}"];
    prop_oneof![plain, with_headers, words.prop_map(|word| format!("{word}\r\n").into_bytes())]
}

proptest! {
    #[test]
    fn any_split_into_reads_gives_the_same(all in vec(operation(), 0..20), pieces in vec(1..400_usize, 1..40)) {
        let bytes = all.concat();
        let (frames, error) = whole(&bytes);
        prop_assert_eq!((frames.len(), error), (all.len(), None));
        for pieces in [&pieces[..], &[1]] {
            let (split, error, _) = read(&bytes, pieces, 1 << 20);
            prop_assert_eq!((&split, error), (&frames, None));
        }
    }

    #[test]
    fn damage_is_told_or_changes_what_it_hit(
        all in vec(operation(), 1..6), at in any::<prop::sample::Index>(), with in any::<u8>(), pieces in vec(1..90_usize, 1..9),
    ) {
        let mut bytes = all.concat();
        let at = at.index(bytes.len());
        bytes[at] = with;
        // The same in pieces as whole, an error included, and never a panic.
        let (frames, error) = whole(&bytes);
        let (split, split_error, _) = read(&bytes, &pieces, 1 << 20);
        prop_assert_eq!((split, split_error), (frames, error));
    }

    #[test]
    fn bytes_of_any_kind_take_no_more_memory_than_the_longest_message(bytes in vec(any::<u8>(), 0..2_000), len in any::<u32>()) {
        for bytes in [bytes.clone(), [format!("HMSG a 1 0 {len}\r\n").as_bytes(), &bytes].concat()] {
            let (_, _, capacity) = read(&bytes, &[17], 100_000);
            prop_assert!(capacity <= 2 * INPUT_LEN);
            let _ = headers::read(&bytes).map(Iterator::count);
        }
    }
}
