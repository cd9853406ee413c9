//! Merges the queues that one instance reads into one inbox: its rings, its channels, its topics.
//!
//! Replies come first where they are in queues apart: they end what was asked, and there are never more of them than was
//! asked. Other queues are read in turn, so that a busy one does not silence the others. A drain that finds nothing says that
//! the inbox is closed if each queue that it looked into is. A transport says how to read one of its queues: [`Source`] on threads, [`PolledSource`] on tasks.

use super::buffer;
use drumpost_core::{
    message::Message,
    port::{AsyncRecvPort, Inbox, PortError, RecvPort, Told},
    wiring::Wiring,
};
use std::{
    task::{Context, Poll},
    time::Duration,
};

/// A queue that is read on threads.
pub trait Source: Send {
    /// Hands over up to `max` messages that are there, and says how many; `None` if there are none and no more will come.
    /// A queue whose messages cannot be read in place collects them in `buffer`; what the buffer held before is of no use.
    fn read(
        &mut self,
        max: usize,
        buffer: &mut Vec<Message>,
        on_batch: &mut impl FnMut(&[Message], &[Told]),
    ) -> Option<usize>;

    /// Sleeps until one of the queues may have a message, at most `at_most`; see [`RecvPort::wait`].
    fn wait<'a>(_all: impl Iterator<Item = &'a Self>, _at_most: Duration)
    where
        Self: 'a,
    {
        std::thread::yield_now();
    }
}

/// A queue that is read on tasks.
pub trait PolledSource: Send {
    /// Whether the queue may drop messages. Others need not be asked about a loss at every poll.
    const LOSES: bool = false;

    /// Puts up to `max` messages that are there behind those in `haul`, and says how many; `None` if there are none and no
    /// more will come. May leave the waker with the queue if there are none.
    fn take(&mut self, context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize>;

    /// As [`PolledSource::take`], after no queue of the inbox had a message. Leaves the waker with the queue if there are
    /// still none.
    fn take_or_wait(&mut self, _context: &mut Context<'_>, _max: usize, _haul: &mut Haul) -> Option<usize> {
        Some(0)
    }
}

/// The result of taking from the queues of an inbox.
#[derive(Debug)]
pub struct Haul {
    pub messages: Vec<Message>,
    /// How many messages a queue dropped since the last report. The poll after this one reports them, and until then nothing
    /// more is taken.
    pub lost: u64,
}

/// The inbox of one instance. See the module.
#[derive(Debug)]
pub struct Merged<S> {
    sources: Sources<S>,
    haul: Haul,
}

/// A single queue is read without the round-robin that several need.
#[derive(Debug)]
enum Sources<S> {
    One(S),
    Several(Several<S>),
}

#[derive(Debug)]
struct Several<S> {
    /// Queues for replies only, if replies are apart.
    replies: RoundRobin<S>,
    others: RoundRobin<S>,
    look: Look,
}

/// A look into several queues, one after the other.
#[derive(Debug, Default)]
struct Look {
    /// Most messages to take.
    max: usize,
    taken: usize,
    /// More may come from one of the queues that were read.
    is_open: bool,
    /// Queues of replies that are still to be read.
    replies: usize,
    /// Other queues that are still to be read.
    others: usize,
}

#[derive(Debug)]
struct RoundRobin<S> {
    all: Vec<S>,
    /// The queue to begin with.
    next: usize,
}

impl<S> Merged<S> {
    /// Merges `replies`, the queues for replies only, with the `others`. `None` if there are no queues.
    pub(crate) fn new(wiring: &Wiring, replies: Vec<S>, others: Vec<S>) -> Option<Self> {
        // Replies that are all that the instance hears are not apart from anything.
        let (replies, mut others) = if others.is_empty() { (others, replies) } else { (replies, others) };
        let sources = match (replies.len(), others.len()) {
            (0, 0) => return None,
            (0, 1) => Sources::One(others.remove(0)),
            _ => {
                let (replies, others) = (RoundRobin::new(replies), RoundRobin::new(others));
                Sources::Several(Several { replies, others, look: Look::default() })
            }
        };
        Some(Self { sources, haul: Haul { messages: buffer(wiring), lost: 0 } })
    }
}

impl<S> RoundRobin<S> {
    const fn new(all: Vec<S>) -> Self {
        Self { all, next: 0 }
    }

    fn advance(&mut self) -> &mut S {
        let at = self.next;
        self.next = if at + 1 == self.all.len() { 0 } else { at + 1 };
        &mut self.all[at]
    }
}

impl<S> Several<S> {
    /// Begins a look. Says which queue to read first, and how many messages to take from it at most.
    fn first(&mut self, from: Inbox, max: usize) -> Option<(&mut S, usize)> {
        let others = if from == Inbox::All { self.others.all.len() } else { 0 };
        self.look = Look { max, taken: 0, is_open: false, replies: self.replies.all.len(), others };
        self.next()
    }

    /// Notes what was read from a queue, and says which to read next.
    fn after(&mut self, read: Option<usize>) -> Option<(&mut S, usize)> {
        self.note(read);
        self.next()
    }

    fn note(&mut self, read: Option<usize>) {
        self.look.is_open |= read.is_some();
        self.look.taken += read.unwrap_or(0);
    }

    /// Goes on to the next queue. `None`: the look is over.
    fn next(&mut self) -> Option<(&mut S, usize)> {
        let Self { replies, others, look } = self;
        let left = look.max - look.taken;
        if left == 0 {
            return None;
        }
        let (to_read, queues) =
            if look.replies > 0 { (&mut look.replies, replies) } else { (&mut look.others, others) };
        *to_read = to_read.checked_sub(1)?;
        Some((queues.advance(), left))
    }

    /// What was taken from all queues; `None` if nothing was taken and no more will come.
    fn taken(&self) -> Option<usize> {
        self.look.is_open.then_some(self.look.taken)
    }
}

impl<S: Source> RecvPort for Merged<S> {
    /// A queue is read at a single site, whether it is the only one or not, so that the compiler inlines the handler there.
    #[inline]
    fn drain(
        &mut self,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Result<usize, PortError> {
        let Self { sources, haul } = self;
        let mut next = match sources {
            Sources::One(source) => Some((source, max)),
            Sources::Several(several) => several.first(from, max),
        };
        while let Some((source, left)) = next {
            let read = source.read(left, &mut haul.messages, &mut on_batch);
            match sources {
                Sources::One(_) => return read.ok_or(PortError::Closed),
                Sources::Several(several) => next = several.after(read),
            }
        }
        match sources {
            Sources::One(_) => Ok(0),
            Sources::Several(several) => several.taken().ok_or(PortError::Closed),
        }
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), PortError> {
        match &self.sources {
            Sources::One(source) => S::wait(std::iter::once(source), at_most),
            Sources::Several(Several { replies, others, .. }) => {
                S::wait(replies.all.iter().chain(&others.all), at_most);
            }
        }
        Ok(())
    }
}

impl<S: PolledSource> AsyncRecvPort for Merged<S> {
    #[inline]
    fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        from: Inbox,
        max: usize,
        mut on_batch: impl FnMut(&[Message], &[Told]),
    ) -> Poll<Result<usize, PortError>> {
        let Self { sources, haul } = self;
        haul.messages.clear();
        let taken = match sources {
            _ if S::LOSES && haul.lost > 0 => Some(0),
            Sources::One(source) => match source.take(context, max, haul) {
                Some(0) if !(S::LOSES && haul.lost > 0) => source.take_or_wait(context, max, haul),
                taken => taken,
            },
            Sources::Several(several) => several.poll(context, from, max, haul),
        };
        match taken {
            Some(0) if S::LOSES && haul.lost > 0 => {
                Poll::Ready(Err(PortError::Lagged(std::mem::take(&mut haul.lost))))
            }
            Some(0) => Poll::Pending,
            Some(taken) => {
                on_batch(&haul.messages, &[]);
                Poll::Ready(Ok(taken))
            }
            None => Poll::Ready(Err(PortError::Closed)),
        }
    }
}

impl<S: PolledSource> Several<S> {
    #[inline(never)]
    fn poll(&mut self, context: &mut Context<'_>, from: Inbox, max: usize, haul: &mut Haul) -> Option<usize> {
        for take in [S::take, S::take_or_wait] {
            let mut next = self.first(from, max);
            while let Some((source, left)) = next {
                let taken = take(source, context, left, haul);
                self.note(taken);
                // After a loss no other queue is read.
                next = if haul.lost == 0 { self.next() } else { None };
            }
            if self.taken() != Some(0) || haul.lost > 0 {
                break;
            }
        }
        self.taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::{Trial, numbered, numbers, pipe, woken};
    use std::collections::VecDeque;

    /// A queue with messages, before which some were lost.
    #[derive(Clone, Default)]
    struct Fake {
        messages: VecDeque<Message>,
        /// So many are lost when so many messages are left.
        loses: Option<(usize, u64)>,
        is_closed: bool,
    }

    impl Fake {
        fn of(from: u32, count: u32) -> Self {
            Self { messages: numbered(from, count).into(), ..Self::default() }
        }

        fn take(&mut self, max: usize, haul: &mut Haul) -> Option<usize> {
            for taken in 0..max {
                if let Some((_, count)) = self.loses.take_if(|loses| loses.0 == self.messages.len()) {
                    haul.lost += count;
                    return Some(taken);
                }
                match self.messages.pop_front() {
                    Some(message) => haul.messages.push(message),
                    None => return (taken > 0 || !self.is_closed).then_some(taken),
                }
            }
            Some(max)
        }
    }

    impl PolledSource for Fake {
        const LOSES: bool = true;

        fn take(&mut self, _context: &mut Context<'_>, max: usize, haul: &mut Haul) -> Option<usize> {
            self.take(max, haul)
        }
    }

    impl Source for Fake {
        fn read(
            &mut self,
            max: usize,
            buffer: &mut Vec<Message>,
            on_batch: &mut impl FnMut(&[Message], &[Told]),
        ) -> Option<usize> {
            let mut haul = Haul { messages: std::mem::take(buffer), lost: 0 };
            haul.messages.clear();
            let taken = self.take(max, &mut haul);
            on_batch(&haul.messages, &[]);
            taken
        }
    }

    fn merged(replies: Vec<Fake>, others: Vec<Fake>) -> Merged<Fake> {
        Merged::new(&Trial::default().wiring(&pipe(false)), replies, others).unwrap()
    }

    /// Drains on threads, and says which numbers came.
    fn drain(inbox: &mut Merged<Fake>, from: Inbox, max: usize) -> Result<Vec<u32>, PortError> {
        let mut seen = Vec::new();
        let count = inbox.drain(from, max, |batch, _| seen.extend(numbers(batch)))?;
        assert_eq!(count, seen.len());
        Ok(seen)
    }

    /// Polls once on a task, and says which numbers came in which slices.
    fn poll(inbox: &mut Merged<Fake>, max: usize) -> Poll<Result<Vec<Vec<u32>>, PortError>> {
        let (waker, _) = woken();
        let mut seen = Vec::new();
        let mut context = Context::from_waker(&waker);
        let polled = inbox.poll_drain(&mut context, Inbox::All, max, |batch, _| seen.push(numbers(batch)));
        polled.map_ok(|count| {
            assert_eq!(count, seen.concat().len());
            seen
        })
    }

    #[test]
    fn queues_are_read_in_turn_and_none_is_silenced() {
        let mut inbox = merged(vec![], vec![Fake::of(0, 5), Fake::of(10, 2), Fake::of(20, 1)]);
        let drains: Vec<_> = (0..5).map(|_| drain(&mut inbox, Inbox::All, 2).unwrap()).collect();
        assert_eq!(drains, [vec![0, 1], vec![10, 11], vec![20, 2], vec![3, 4], vec![]]);
    }

    #[test]
    fn replies_come_first_where_they_are_apart() {
        let mut inbox = merged(vec![Fake::of(0, 3)], vec![Fake::of(10, 3)]);
        assert_eq!(drain(&mut inbox, Inbox::Replies, 2), Ok(vec![0, 1]));
        assert_eq!(drain(&mut inbox, Inbox::All, 2), Ok(vec![2, 10]));
        assert_eq!(drain(&mut inbox, Inbox::Replies, 2), Ok(vec![]), "the others wait for a reply to come");
        assert_eq!(drain(&mut inbox, Inbox::All, 8), Ok(vec![11, 12]));
    }

    #[test]
    fn an_inbox_is_closed_when_all_its_queues_are_and_nothing_is_left() {
        let closed = || Fake { is_closed: true, ..Fake::of(0, 1) };
        let mut inbox = merged(vec![], vec![closed(), closed()]);
        assert_eq!(drain(&mut inbox, Inbox::All, 8), Ok(vec![0, 0]));
        assert_eq!(drain(&mut inbox, Inbox::All, 8), Err(PortError::Closed));
        let mut inbox = merged(vec![], vec![closed(), Fake::default()]);
        assert_eq!(poll(&mut inbox, 8), Poll::Ready(Ok(vec![vec![0]])));
        assert_eq!(poll(&mut inbox, 8), Poll::Pending, "one is open");
        assert!(Merged::<Fake>::new(&Trial::default().wiring(&pipe(false)), vec![], vec![]).is_none());
    }

    #[test]
    fn a_loss_is_reported_after_what_came_before_it_and_before_what_came_after() {
        let lossy = || Fake { loses: Some((2, 7)), ..Fake::of(0, 4) };
        for (others, first, last) in [
            (vec![lossy()], vec![0, 1], vec![2, 3]),
            (vec![Fake::of(10, 1), lossy()], vec![10, 0, 1], vec![2, 3]),
            (vec![lossy(), Fake::of(10, 1)], vec![0, 1], vec![10, 2, 3]),
        ] {
            let mut inbox = merged(vec![], others);
            assert_eq!(poll(&mut inbox, 8), Poll::Ready(Ok(vec![first])), "in one slice");
            assert_eq!(poll(&mut inbox, 8), Poll::Ready(Err(PortError::Lagged(7))));
            assert_eq!(poll(&mut inbox, 8), Poll::Ready(Ok(vec![last])));
            assert_eq!(poll(&mut inbox, 8), Poll::Pending);
        }
    }
}
