//! Polls that have to see everything that is there.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};
use tokio::task::unconstrained;

/// Runs `look` once, apart from the task's budget. A task of tokio that has used up its budget is told that a channel is empty
/// or full where it is not; where that would be believed, the look has to be made with this.
#[inline]
pub fn unlimited<T>(context: &mut Context<'_>, mut look: impl FnMut(&mut Context<'_>) -> T) -> T {
    let mut looked = pin!(unconstrained(poll_fn(|context| Poll::Ready(look(context)))));
    match looked.as_mut().poll(context) {
        Poll::Ready(found) => found,
        // What is inside is always ready, and nothing limits it.
        Poll::Pending => unreachable!("a look does not wait"),
    }
}
