//! A load that goes on until it is told to end: how long a server is away depends on the machine.

use drumpost_core::{
    load::{Feed, Start},
    monitor::Watch,
    outcome::{Outage, Snapshot},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// How often it is seen how many flows have ended.
const LOOK: Duration = Duration::from_millis(20);

/// Progress of a trial, seen from another thread: how many flows have ended, and how many are under way. It also ends the load. It is the watch of the trial and is
/// given to its feed. Its clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Course(Arc<State>);

#[derive(Debug, Default)]
struct State {
    ended: AtomicU64,
    under_way: AtomicU64,
    /// Outages of instances that came back.
    returns: AtomicUsize,
    is_enough: AtomicBool,
}

impl Course {
    /// Waits until so many more flows have ended than now. False if they have not in that time.
    #[must_use]
    pub fn moves_on(&self, flows: u64, within: Duration) -> bool {
        let enough = self.ended() + flows;
        sees(within, || self.ended() >= enough)
    }

    /// Waits until no more than so many flows are under way. False if more are after that time.
    #[must_use]
    pub fn settles(&self, under_way: u64, within: Duration) -> bool {
        sees(within, || self.0.under_way.load(Ordering::Relaxed) <= under_way)
    }

    /// Waits until an instance that was away has come back. False if none has after that time.
    #[must_use]
    pub fn comes_back(&self, within: Duration) -> bool {
        sees(within, || self.0.returns.load(Ordering::Relaxed) > 0)
    }

    /// Ends the load, which then starts no more than the few hundred flows that it has fetched.
    pub fn end_load(&self) {
        self.0.is_enough.store(true, Ordering::Relaxed);
    }

    fn note(&self, ended: u64, under_way: u64) {
        self.0.ended.store(ended, Ordering::Relaxed);
        self.0.under_way.store(under_way, Ordering::Relaxed);
    }

    /// An outage that lasts until the end of the run is told, too, and no instance has come back from it.
    fn note_outages(&self, outages: &[Outage]) {
        let returns = outages.iter().filter(|outage| !outage.until_end).count();
        self.0.returns.store(returns, Ordering::Relaxed);
    }

    fn ended(&self) -> u64 {
        self.0.ended.load(Ordering::Relaxed)
    }

    pub(super) fn is_enough(&self) -> bool {
        self.0.is_enough.load(Ordering::Relaxed)
    }
}

impl Watch for Course {
    fn sample(&mut self, snapshot: &Snapshot) {
        self.note(snapshot.ended, snapshot.in_flight());
        self.note_outages(&snapshot.outages);
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Looks until that is so, and for no longer than `within`.
fn sees(within: Duration, is_so: impl Fn() -> bool) -> bool {
    let looks = within.as_nanos() / LOOK.as_nanos();
    (0..=looks).any(|_| {
        thread::sleep(LOOK);
        is_so()
    })
}

/// Flows at even distances, whose keys take turns, until the course says that there are enough.
#[derive(Clone, Debug)]
pub struct Steady {
    every_ns: u64,
    payload_len: u32,
    keys: u32,
    course: Course,
    next: u32,
}

impl Steady {
    /// A flow each `every_ns` with a payload of so many bytes.
    #[must_use]
    pub fn new(every_ns: u64, payload_len: u32, course: &Course) -> Self {
        Self { every_ns, payload_len, keys: u32::MAX, course: course.clone(), next: 0 }
    }

    /// The same with so many keys.
    #[must_use]
    pub fn with_keys(self, keys: u32) -> Self {
        Self { keys, ..self }
    }
}

impl Feed for Steady {
    fn fill(&mut self, starts: &mut Vec<Start>) {
        while !self.course.is_enough() && starts.len() < starts.capacity() {
            let after_ns = u64::from(self.next) * self.every_ns;
            starts.push(Start { after_ns, key: self.next % self.keys, payload_len: self.payload_len });
            self.next = self.next.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drumpost_core::outcome::Cause;

    #[test]
    fn a_load_that_is_told_to_end_has_no_more_flows() {
        let course = Course::default();
        let mut feed = Steady::new(10, 1, &course).with_keys(3);
        let mut starts = Vec::with_capacity(5);
        feed.fill(&mut starts);
        let keys: Vec<u32> = starts.iter().map(|start| start.key).collect();
        assert_eq!((keys, starts[4].after_ns), (vec![0, 1, 2, 0, 1], 40));
        course.clone().end_load();
        starts.clear();
        feed.fill(&mut starts);
        assert!(starts.is_empty());
    }

    #[test]
    fn an_outage_until_the_end_of_the_run_is_no_return() {
        let (course, cause) = (Course::default(), Cause::ConsumerKilled { in_hand: 1 });
        let gone = Outage { instance: "a".into(), cause, at_ns: 1, away_ns: 1, until_end: true };
        course.note_outages(std::slice::from_ref(&gone));
        assert!(!course.comes_back(Duration::ZERO));
        course.note_outages(&[Outage { until_end: false, ..gone.clone() }, gone]);
        assert!(course.comes_back(Duration::ZERO));
    }

    #[test]
    fn a_course_moves_on_when_flows_end() {
        let course = Course::default();
        assert!(!course.moves_on(1, Duration::ZERO));
        let flows = course.clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                for ended in 1..=50 {
                    flows.note(ended, 100 - ended);
                    thread::sleep(Duration::from_millis(5));
                }
            });
            assert!(course.moves_on(20, Duration::from_secs(60)));
            assert!(!course.settles(49, Duration::ZERO) && course.settles(50, Duration::from_secs(60)));
        });
    }
}
