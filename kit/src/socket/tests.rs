//! Tests of the socket that never blocks, over loopback.

use super::*;
use std::net::TcpListener;

fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = Arc::new(At::new("broker", &format!("tcp://{}", listener.local_addr().unwrap())));
    let (socket, addresses) =
        Socket::connect(&at, &Until::after(Duration::from_secs(5)), "start one").unwrap();
    assert_eq!(addresses, [listener.local_addr().unwrap()]);
    (socket, listener.accept().unwrap().0)
}

#[test]
fn a_server_that_does_not_read_holds_up_and_gets_all_in_order() {
    let (mut socket, mut server) = pair();
    let (mut number, mut sent) = (0_u8, Vec::new());
    while socket.has_room().unwrap() {
        number = number.wrapping_add(1);
        socket.out.extend([number; 1000]);
        sent.extend([number; 1000]);
        if sent.len() % 7_000 == 0 && !socket.write().unwrap() {
            socket.flush().unwrap();
        }
    }
    assert!(socket.out.len() < OUT_LEN + 1000 && !socket.write().unwrap());
    let len = sent.len();
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; len];
        server.read_exact(&mut got).unwrap();
        got
    });
    let until = Until::after(Duration::from_secs(20));
    while !socket.write().unwrap() && until.left().is_some() {
        socket.wait_for_more(Duration::from_millis(50));
    }
    assert_eq!(reader.join().unwrap(), sent);
    assert!(socket.has_room().unwrap());
}

#[test]
fn what_comes_is_read_and_an_end_is_told_to_every_port() {
    let (mut socket, mut server) = pair();
    assert_eq!(socket.read(), Ok(0));
    assert_eq!((socket.silences(false), socket.silences(true)), (0, 0), "nobody looked since");
    assert_eq!(socket.read(), Ok(0));
    assert_eq!(socket.silences(true), 1);
    server.write_all(b"hello").unwrap();
    socket.wait_for_more(Duration::from_secs(5));
    assert_eq!(socket.read(), Ok(5));
    let parsed = socket.input.next(|bytes| Ok::<_, ()>(Some((bytes.to_vec(), 4))));
    assert_eq!(parsed, Ok(Some(b"hello".to_vec())));
    assert_eq!(socket.input.next(|bytes| Ok::<_, ()>(Some((bytes.to_vec(), 1)))), Ok(Some(b"o".to_vec())));
    assert_eq!((socket.was_drained(), socket.was_drained(), socket.silences(true)), (true, false, 0));
    drop(server);
    socket.wait_for_more(Duration::from_secs(5));
    let error = socket.read().unwrap_err();
    assert!(error.to_string().contains("the server closed it"), "{error}");
    assert_eq!(socket.line.link.check(), Err(error));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let at = Arc::new(At::new("broker", "tcp://127.0.0.1:1"));
    let error =
        Socket::connect(&at, &Until::after(Duration::from_secs(5)), "start one").unwrap_err().to_string();
    assert!(
        error.starts_with("failed to reach broker at tcp://127.0.0.1:1:") && error.ends_with("; start one"),
        "{error}"
    );
}
