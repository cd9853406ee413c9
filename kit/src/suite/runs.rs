//! Runs without a fault of the server: one after the other, two at once, with other options, interrupted, and while objects
//! are cleaned.

use super::{
    PrivateServer, Stop, Suite, fails,
    kept::of_this_process,
    trial::{IN_TIME, Running, Trial, keeps},
};
use drumpost_core::{
    options::{Grammar, Options},
    outcome::{Ending, Outcome},
    plan::Conditions,
    promise::{Acks, Asked},
    registry::Promise,
    transport::OpenError,
};
use std::time::Duration;

/// Nothing that a run made is at the server, and the run says nothing of leftovers. It may say why messages were refused.
pub(super) fn nothing_is_left(server: &dyn PrivateServer, outcome: &Outcome) -> Result<(), Stop> {
    let left = server.objects().unwrap_or_default();
    if !left.is_empty() {
        return fails(format!("left behind: {}; the run said {:?}", left.join(", "), outcome.notes));
    }
    let refused = outcome.audit.refused.unwrap_or(0);
    if outcome.notes.is_empty() || refused > 0 {
        Ok(())
    } else {
        fails(format!("the run said {:?}", outcome.notes))
    }
}

pub(super) fn second_run(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let (promise, trial) = (suite.promise(&options)?, Trial::new());
    let mut dispatcher = suite.entry.made(&options).map_err(Stop::Fails)?;
    for _ in 0..2 {
        let outcome;
        (outcome, dispatcher) = suite.begin_on(dispatcher, &trial)?.again(IN_TIME)?;
        keeps(&outcome, promise)?;
        nothing_is_left(&*server, &outcome)?;
    }
    Ok(())
}

pub(super) fn two_at_once(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let promise = suite.promise(&options)?;
    let runs = [Trial::open(2), Trial::open(2)].map(|trial| suite.begin(&options, &trial));
    let runs = runs.into_iter().collect::<Result<Vec<Running>, Stop>>()?;
    let outcomes =
        runs.into_iter().map(|run| run.outcome(IN_TIME)).collect::<Result<Vec<Outcome>, Stop>>()?;
    for outcome in &outcomes {
        keeps(outcome, promise)?;
        nothing_is_left(&*server, outcome)?;
    }
    Ok(())
}

pub(super) fn options(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let mut checked = 0;
    for option in suite.entry.options.iter().filter(|option| option.unfair) {
        let Grammar::Word(words) = option.grammar else { continue };
        for word in words {
            let mut options = suite.options_at(server.port())?;
            options.set(option.name, *word);
            let with = |stop| match stop {
                Stop::Fails(why) => Stop::Fails(format!("with {}={word}: {why}", option.name)),
                other => other,
            };
            let (promise, acks) = match promised(suite, &options) {
                // With this word the transport cannot give what is asked for, and says so.
                Err(_) if suite.asked != Asked::default() && suite.entry.made(&options).is_ok() => continue,
                promised => promised.map_err(with)?,
            };
            let conditions = Conditions { acks, ..Conditions::default() };
            let outcome = suite.run(&options, &Trial { conditions, ..Trial::new() }).map_err(with)?;
            keeps(&outcome, promise).map_err(with)?;
            nothing_is_left(&*server, &outcome).map_err(with)?;
            checked += 1;
        }
    }
    if checked > 0 {
        Ok(())
    } else {
        Err(Stop::NotApplicable("no option has words that change what is compared".into()))
    }
}

/// What is promised with these options, and when receivers acknowledge then: before handling, where only that can be promised.
fn promised(suite: &Suite<'_>, options: &Options) -> Result<(Promise, Acks), Stop> {
    let before = || Some((suite.promise_of(options, Acks::Before).ok()?, Acks::Before));
    suite.promise(options).map(|promise| (promise, Acks::After)).or_else(|stop| before().ok_or(stop))
}

pub(super) fn interrupted(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let run = suite.begin(&suite.options_at(server.port())?, &Trial::open(3_600))?;
    run.flows()?;
    run.interrupt();
    let outcome = run.outcome(Duration::ZERO)?;
    if outcome.ending != Ending::Interrupted {
        return fails(format!("it ended {}", outcome.ending));
    }
    nothing_is_left(&*server, &outcome)
}

pub(super) fn clean(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let options = suite.options_at(server.port())?;
    let (promise, trial) = (suite.promise(&options)?, Trial::open(3_600));
    // Objects have names that begin with the run's.
    let own = crate::layout::token(&trial.name);
    let run = suite.begin(&options, &trial)?;
    run.flows()?;
    let objects = server.objects().unwrap_or_default();
    let cleaned = suite.entry.made(&options).map_err(Stop::Fails)?.clean();
    run.end_load();
    let outcome = run.outcome(IN_TIME)?;
    let cleaned = match cleaned {
        Ok(cleaned) => cleaned,
        Err(OpenError::Refused(why)) => {
            keeps(&outcome, promise)?;
            nothing_is_left(&*server, &outcome)?;
            return Err(Stop::NotApplicable(why));
        }
        Err(error) => return fails(format!("cleaning failed: {error}")),
    };
    match cleaned {
        // A server that runs already may hold what other processes left.
        Some(cleaned) if cleaned.removed.iter().any(|name| name.contains(&own)) => {
            return fails(format!("cleaning removed what is in use: {}", cleaned.removed.join(", ")));
        }
        Some(cleaned)
            if promise.stores && of_this_process(&cleaned.kept).is_some_and(|names| names.is_empty()) =>
        {
            return fails(format!(
                "a run has messages stored at the server, and cleaning names nothing of it: {:?}",
                cleaned.kept
            ));
        }
        Some(cleaned) if cleaned.kept.len() < objects.len() => {
            return fails(format!("{objects:?} were there, and cleaning names {:?}", cleaned.kept));
        }
        None if !objects.is_empty() => {
            return fails(format!("{objects:?} are there and nothing cleans them"));
        }
        _ => {}
    }
    keeps(&outcome, promise)?;
    nothing_is_left(&*server, &outcome)
}
