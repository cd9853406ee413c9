//! Checks that every message is delivered once, in order and unchanged.

use super::{
    Stop, ensure,
    handlers::{AsFed, InOrder, Plain},
    scenarios::one_hop,
    subject::{Ran, Subject, Tried},
    trial::Trial,
};
use crate::{
    headers::Shape,
    outcome::Ending,
    promise::{Order, Promise},
    scenario::{Intent, Style},
};

const COUNT: u64 = 1_000;

/// Deliveries that follow from one flow of one hop under `intent`: a request is answered.
pub(super) const fn deliveries_per_flow(intent: Intent) -> u64 {
    if matches!(intent, Intent::Request) { 2 } else { 1 }
}

impl Ran {
    /// The run came to its end, even if something is still missing, and all flows were started.
    pub(super) fn completed(&self, count: u64) -> Result<(), Stop> {
        let Self { outcome, circumstances, wall, patience, .. } = self;
        let audit = &outcome.audit;
        ensure(wall < patience, || {
            format!("{circumstances}: the run was not over after {wall:.1?}: {audit}")
        })?;
        let ending = &outcome.ending;
        let ended = matches!(ending, Ending::Completed | Ending::Interrupted);
        ensure(ended, || format!("{circumstances}: the run ended {ending}"))?;
        ensure(outcome.started == count && audit.unsent == 0, || {
            let started = outcome.started;
            format!("{circumstances}: it stood still with {started} of {count} flows started: {audit}")
        })
    }

    /// Every one of `expected` deliveries came, exactly once, but for what `promise` excepts and the outcome tells.
    pub(super) fn delivered(&self, promise: &Promise, count: u64, expected: u64) -> Result<(), Stop> {
        self.completed(count)?;
        let Self { outcome, circumstances, .. } = self;
        let audit = &outcome.audit;
        let fails = |holds: bool, what: &str| {
            ensure(holds, || format!("{circumstances}: {what}: {audit}{}", self.about_unknown()))
        };
        let (lossy, again) = (!promise.is_lossless(), promise.may_duplicate());
        // What is lost causes nothing, what comes again causes more.
        fails(lossy || again || audit.expected == expected, "not as many deliveries follow as should")?;
        // Of a run that stood still and was interrupted nobody can say more than that they did not come.
        let missing = audit.lost + audit.unknown;
        fails(lossy || missing == 0, "messages are lost")?;
        fails(lossy || audit.lagged == 0, "messages were dropped, which is promised not to happen")?;
        fails(missing == audit.lagged, "what is lost is not what the transport says it dropped")?;
        fails(again || audit.duplicated == 0, "messages came again, which is promised not to happen")?;
        fails(audit.beyond_window == 0, "messages came so late that they cannot be told from duplicates")?;
        let complete = !outcome.drain_timed_out && outcome.ending == Ending::Completed;
        fails(
            complete,
            "everything is delivered, but the run was not found complete; a lane whose `drain` returns more than 0 when it hands \
             over nothing is never idle, and is waited for",
        )?;
        let ended = outcome.measured_ended;
        let all = (lossy || ended >= count) && (again || ended <= count);
        fails(all, &format!("{ended} of {count} flows ended"))
    }

    /// Explains `unknown` in a sentence about the audit, if the audit has unknown messages.
    fn about_unknown(&self) -> &'static str {
        let unknown = self.outcome.audit.unknown > 0;
        match self.stood_still {
            true if unknown => {
                " (unknown: nothing moved any more, so the check did not wait until they count as lost)"
            }
            _ if unknown => " (unknown: the run ended before they arrived or were known to be lost)",
            _ => "",
        }
    }

    /// Messages came in the order that is promised, and each of them was judged.
    fn in_order(&self, promised: Order) -> Result<(), Stop> {
        let audit = &self.outcome.audit;
        let (late, within) = match promised {
            Order::None => return Ok(()),
            Order::PerProducer => (audit.reordered, "of their producer"),
            Order::PerKey => (audit.out_of_order, "of their key"),
            Order::PerShard => (audit.out_of_order, "of their shard"),
        };
        ensure(late == 0, || {
            format!("{}: {late} messages came after later ones {within}", self.circumstances)
        })?;
        ensure(audit.unjudged == 0, || {
            format!(
                "{}: the order of {} messages cannot be judged, because their shard is not told",
                self.circumstances, audit.unjudged
            )
        })
    }

    /// All messages came as they were sealed, with what the feed gave them.
    fn came_as_fed(&self) -> Result<(), Stop> {
        self.completed(COUNT)?;
        let corrupted = self.outcome.audit.corrupted;
        ensure(corrupted == 0, || {
            format!("{}: {corrupted} messages did not arrive as they were sealed", self.circumstances)
        })?;
        self.nothing_wrong("a message came with another key or length than it was sent with")
    }

    /// No handler found anything wrong; `what` says what it would have been.
    pub(super) fn nothing_wrong(&self, what: &str) -> Result<(), Stop> {
        let wrong = self.outcome.audit.unrouted;
        ensure(wrong == 0, || format!("{}: {what}, {wrong} times", self.circumstances))
    }
}

/// See [`super::CHECKS`].
pub(super) fn count(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial::new(*way, COUNT);
            let ran = subject.run(style, one_hop::<Plain>(style, intent), &trial)?;
            ran.delivered(&subject.promise(), COUNT, COUNT * deliveries_per_flow(intent))?;
        }
        // Several senders, whose sequence numbers are their own.
        let trial = Trial { instances: &[("sender", 3)], ..Trial::new(subject.ways()[0], COUNT) };
        let ran = subject.run(style, one_hop::<Plain>(style, intent), &trial)?;
        ran.delivered(&subject.promise(), COUNT, COUNT * deliveries_per_flow(intent))?;
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn order(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    let promise = subject.promise();
    if promise.order == Order::None {
        return Err(Stop::NotApplicable("order is not promised".into()));
    }
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let trial = Trial { instances: &[("sender", 2)], ..Trial::new(*way, COUNT) };
            let ran = subject.run(style, one_hop::<InOrder>(style, intent), &trial)?;
            ran.completed(COUNT)?;
            ran.in_order(promise.order)?;
            // A message that is delivered again comes late. A shard may hold several keys, or a part of the messages of one key,
            // so only the audit can judge the order within shards.
            if !promise.may_duplicate() && promise.order != Order::PerShard {
                ran.nothing_wrong("a message came after a later one of its key")?;
            }
        }
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn payload(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in subject.carriers(style) {
        for way in subject.ways() {
            let ran = subject.run(style, one_hop::<AsFed>(style, intent), &Trial::new(*way, COUNT))?;
            ran.came_as_fed()?;
        }
    }
    Ok(())
}

/// See [`super::CHECKS`].
pub(super) fn headers(subject: &Subject<'_>, style: Style) -> Result<(), Stop> {
    for intent in subject.carriers(style) {
        for (count, value_len) in [(3, 32), (11, 0), (1, 1_000)] {
            let headers = Shape::new(count, value_len).unwrap_or_default();
            let trial = Trial { headers, ..Trial::new(subject.ways()[0], COUNT) };
            match subject.try_run(style, one_hop::<AsFed>(style, intent), &trial)? {
                Tried::Ran(ran) => ran.came_as_fed()?,
                Tried::Refused(why) => {
                    ensure(why.contains("headers"), || format!("the refusal does not name headers: {why}"))?;
                    return Err(Stop::NotApplicable(format!("refused: {why}")));
                }
            }
        }
    }
    Ok(())
}
