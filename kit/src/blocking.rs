//! Clients whose calls wait for the server, such as C libraries. None of their calls is made on a thread of the lanes: a client is
//! polled and dropped by a thread of its own ([`tend`]), and a question is asked on a thread that nobody waits for longer than the
//! asker's limit ([`apart`]).

use std::{sync::Arc, thread, time::Duration};
use tokio::sync::oneshot;

/// How long a thread waits for a client before it looks whether anyone still has the client.
const POLL: Duration = Duration::from_millis(50);

/// Has a thread call `poll`, which waits as long as it is told, until nobody else has the client. The thread drops it then, which
/// may wait for the server, too.
pub fn tend<C: Send + Sync + 'static>(
    client: C,
    mut poll: impl FnMut(&C, Duration) + Send + 'static,
) -> Arc<C> {
    let client = Arc::new(client);
    let tended = Arc::clone(&client);
    thread::spawn(move || {
        while Arc::strong_count(&tended) > 1 {
            poll(&tended, POLL);
        }
    });
    client
}

/// What `call` returns, on a thread of its own. It has begun when this returns. `None`: it panicked.
pub fn apart<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Option<T>> + Send + 'static {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || tell.send(call()).is_ok());
    async { told.await.ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_client_is_polled_and_dropped_by_a_thread_of_its_own() {
        struct Client(mpsc::Sender<thread::ThreadId>);
        impl Drop for Client {
            fn drop(&mut self) {
                self.0.send(thread::current().id()).unwrap();
            }
        }
        let (dropped, by) = mpsc::channel();
        let (polled, polls) = mpsc::channel();
        let client = tend(Client(dropped), move |_, wait| {
            thread::sleep(wait / 50);
            let _ = polled.send(thread::current().id());
        });
        let thread = polls.recv().unwrap();
        assert_ne!(thread, thread::current().id());
        assert!(by.try_recv().is_err(), "somebody has it");
        drop(client);
        assert_eq!(by.recv().unwrap(), thread);
    }

    #[test]
    fn a_call_is_made_on_another_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let id = runtime.block_on(apart(|| thread::current().id())).unwrap();
        assert_ne!(id, thread::current().id());
        assert_eq!(runtime.block_on(apart(|| panic!("as it should"))), None::<()>);
    }
}
