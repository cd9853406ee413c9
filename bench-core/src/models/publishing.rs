//! Model of a lane's counters: when the monitor finds a run complete, it is complete.

use super::{
    Ends, Forks, Still, Tells, check, handled, plan,
    queue::{Receiver, Sender, queue},
    service, spawn,
};
use crate::{
    drive::{ConnectedLane, Rings, ledger::Terms},
    load::Pace,
    monitor::Unwatched,
    plan::TrialPlan,
    scenario::command,
    session::Session,
    transport::Endpoint,
};

type Place = ConnectedLane<Sender, Receiver>;

/// source → fork → left and right.
fn forked(flows: u32) -> TrialPlan {
    let services = vec![
        service("source", || Box::new(Tells)),
        service("fork", || Box::new(Forks)),
        service("left", || Box::new(Ends)),
        service("right", || Box::new(Ends)),
    ];
    let routes = vec![
        command("fork.work", &["Told"], "source", &["fork"]),
        command("left.work", &["Left"], "fork", &["left"]),
        command("right.work", &["Right"], "fork", &["right"]),
    ];
    let mut plan = plan(services, routes, flows);
    // Room for one more, so that the load finds that there are no more.
    plan.load.pace = Pace::Closed { in_flight: u64::from(flows) + 1 };
    plan
}

fn steps(count: usize, lanes: &mut [Place]) {
    for _ in 0..count {
        for connected in &mut *lanes {
            connected.step_once(&Still).unwrap();
        }
    }
}

/// Has `flows` flows started, the queues as `prepare` makes them, and the lanes step while the monitor looks. It must
/// not find the run complete before `of` messages were handled.
fn complete_means_handled(flows: u32, of: u64, prepare: fn(&mut Place, &mut Place)) {
    let plan = forked(flows);
    check(2, move || {
        let Session { lanes, mut monitor, .. } = Session::new(&plan, 0);
        let (to_fork, at_fork) = queue();
        let (to_left, at_left) = queue();
        let (to_right, at_right) = queue();
        let inboxes = [None, Some(at_fork), Some(at_left), Some(at_right)];
        let sends = [vec![to_fork], vec![to_left, to_right], vec![], vec![]];
        let mut lanes = lanes.into_iter().zip(inboxes).zip(sends).map(|((lane, inbox), sends)| {
            ConnectedLane::new(lane, Endpoint { inbox, sends }, Rings::default(), Terms::default())
        });
        let (mut source, mut fork) = (lanes.next().unwrap(), lanes.next().unwrap());
        let mut ends: Vec<Place> = lanes.collect();
        prepare(&mut source, &mut fork);
        steps(2, std::slice::from_mut(&mut source));

        let forking = spawn(move || {
            steps(2, std::slice::from_mut(&mut fork));
            fork
        });
        // The ends and the monitor take turns on this thread: all that matters to the order is the fork's.
        steps(1, &mut ends);
        monitor.poll(1, &mut Unwatched);
        assert!(
            !monitor.is_stopped() || handled() == of,
            "called complete when {} of {of} messages were handled",
            handled()
        );
        steps(2, &mut [forking.join().unwrap()]);
        steps(1, &mut ends);
        monitor.poll(1, &mut Unwatched);
        assert!(monitor.is_stopped() && handled() == of, "never called complete");
    });
}

#[test]
fn complete_means_handled_when_there_is_room() {
    complete_means_handled(1, 3, |_, _| {});
}

#[test]
fn complete_means_handled_when_a_queue_is_full() {
    complete_means_handled(1, 3, |_, fork| fork.endpoint.sends[0].is_full = true);
}

#[test]
fn complete_means_handled_when_the_transport_drops() {
    // Of two messages one is handed over and one is dropped, and told to be, in the same look.
    complete_means_handled(2, 3, |_, fork| fork.endpoint.inbox.as_mut().unwrap().loses = 1);
}
