//! Clients whose calls wait for the server, such as C libraries. None of their calls is made on a thread of the lanes: a client is
//! polled and dropped by a thread of its own ([`tend`]), and a question is asked on a thread that nobody waits for longer than the
//! asker's limit ([`apart`]).

use drumpost_core::dispatcher::guard::no_thread;
use std::{sync::Arc, thread::Builder, time::Duration};
use tokio::sync::oneshot;

/// How long a thread waits for a client before it looks whether anyone still has the client.
const POLL: Duration = Duration::from_millis(50);

/// Has a thread call `poll`, which waits as long as it is told, until nobody else has the client. The thread drops it then, which
/// may wait for the server, too.
///
/// # Errors
/// A sentence: the system has no thread.
pub fn tend<C: Send + Sync + 'static>(
    client: C,
    poll: impl FnMut(&C, Duration) + Send + 'static,
) -> Result<Arc<C>, String> {
    tend_on(Builder::new(), client, poll)
}

fn tend_on<C: Send + Sync + 'static>(
    thread: Builder,
    client: C,
    mut poll: impl FnMut(&C, Duration) + Send + 'static,
) -> Result<Arc<C>, String> {
    let client = Arc::new(client);
    let tended = Arc::clone(&client);
    let tends = move || {
        while Arc::strong_count(&tended) > 1 {
            poll(&tended, POLL);
        }
    };
    start(thread, tends).map(|()| client)
}

/// What `call` returns, on a thread of its own. It has begun when this returns. `None`: it panicked.
///
/// # Errors
/// A sentence: the system has no thread.
pub fn apart<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<impl Future<Output = Option<T>> + Send + 'static, String> {
    apart_on(Builder::new(), call)
}

fn apart_on<T: Send + 'static>(
    thread: Builder,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<impl Future<Output = Option<T>> + Send + 'static, String> {
    let (tell, told) = oneshot::channel();
    start(thread, move || drop(tell.send(call())))?;
    Ok(async { told.await.ok() })
}

/// Starts a thread that ends by itself.
fn start(thread: Builder, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    thread.spawn(work).map(drop).map_err(|error| no_thread("a client that waits for its server", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

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
        let id = runtime.block_on(apart(|| thread::current().id()).unwrap()).unwrap();
        assert_ne!(id, thread::current().id());
        assert_eq!(runtime.block_on(apart(|| panic!("as it should")).unwrap()), None::<()>);
    }

    /// Regression: where no thread was to be had, it was a panic.
    #[test]
    fn a_thread_that_is_not_to_be_had_is_told_in_a_sentence() {
        // No system has room for such a stack.
        let none = || Builder::new().stack_size(1 << 60);
        let tended = tend_on(none(), (), |_, _| {}).unwrap_err();
        let asked = apart_on(none(), || ()).map(drop).unwrap_err();
        for said in [tended, asked] {
            assert!(said.starts_with("failed to start a thread for a client that waits"), "{said}");
            assert!(said.contains("raise the limit on processes (ulimit -u)"), "{said}");
        }
    }
}
