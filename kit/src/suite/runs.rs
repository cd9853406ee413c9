//! Runs without a fault of the server: one after the other, two at once, with other options, interrupted, and while objects
//! are cleaned.

use super::{
    PrivateServer, Stop, Suite, fails,
    kept::of_this_process,
    trial::{IN_TIME, Running, Trial, keeps},
};
use drumpost_core::{
    options::{Grammar, OptionEntry, Options},
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

/// Flows of a run with another value of an option.
const FEW: u64 = 300;

pub(super) fn options(suite: &Suite<'_>) -> Result<(), Stop> {
    let server = suite.server()?;
    let mut checked = 0;
    for option in suite.entry.options.iter().filter(|option| option.unfair) {
        for value in values(option) {
            let mut options = suite.options_at(server.port())?;
            options.set(option.name, value.as_str());
            let with = |stop| match stop {
                Stop::Fails(why) => Stop::Fails(format!("with {}={value}: {why}", option.name)),
                other => other,
            };
            // A count or a place may not fit a run with commands, or this version of the server. The transport says so, and events may do.
            let may_refuse = !matches!(option.grammar, Grammar::Word(_));
            let mut ran = keeps_with(suite, &*server, &options, may_refuse).map_err(with)?;
            if !ran && let Some(style) = suite.second.filter(|_| may_refuse) {
                let events = Suite { style: Some(style), ..suite.clone() };
                ran = keeps_with(&events, &*server, &options, may_refuse).map_err(with)?;
            }
            checked += u32::from(ran);
        }
    }
    if checked > 0 {
        Ok(())
    } else {
        Err(Stop::NotApplicable("no option that changes what is compared has another value to try".into()))
    }
}

/// The values of an option that are tried: all words, all of a form's places that are words (`first|offset:N`), and of a count one that is
/// not the default. Options that make dead letters have a check of their own.
fn values(option: &OptionEntry) -> Vec<String> {
    match option.grammar {
        Grammar::Word(words) => words.iter().map(|word| (*word).to_owned()).collect(),
        Grammar::Form { form, check } => {
            form.split('|').filter(|place| check(place).is_ok()).map(str::to_owned).collect()
        }
        Grammar::Count { min, max } if !option.gives_up => {
            let usual = option.default.and_then(|text| text.parse::<u64>().ok());
            let other = usual.map(|usual| match (usual / 10).max(min) {
                less if less < usual => less,
                _ => (usual + 2).min(max),
            });
            other.filter(|other| Some(*other) != usual).map(|other| other.to_string()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Runs a trial with these options, which keeps what the transport then promises. False: the transport cannot do what is asked for with
/// them, or refuses them where it may, and says so.
fn keeps_with(
    suite: &Suite<'_>,
    server: &dyn PrivateServer,
    options: &Options,
    may_refuse: bool,
) -> Result<bool, Stop> {
    let (promise, acks) = match promised(suite, options) {
        Err(_) if suite.asked != Asked::default() && suite.entry.made(options).is_ok() => return Ok(false),
        promised => promised?,
    };
    let conditions = Conditions { acks, ..Conditions::default() };
    let trial = Trial { conditions, flows: FEW, ..Trial::new() };
    let outcome = match suite.begin(options, &trial)?.result(trial.drain)? {
        Ok(outcome) => outcome,
        Err(OpenError::Refused(_)) if may_refuse => return Ok(false),
        Err(error) => return fails(format!("not opened: {error}")),
    };
    keeps(&outcome, promise)?;
    nothing_is_left(server, &outcome)?;
    Ok(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_places_and_another_count_are_tried() {
        fn check(text: &str) -> Result<(), String> {
            if ["first", "next", "offset:7"].contains(&text) { Ok(()) } else { Err("it is no place".into()) }
        }
        let tried = |grammar, default| values(&OptionEntry::new("mq.option", grammar, default, ""));
        assert_eq!(tried(Grammar::Word(&["file", "memory"]), "file"), ["file", "memory"]);
        assert_eq!(tried(Grammar::Form { form: "first|next|offset:N", check }, "first"), ["first", "next"]);
        assert_eq!(tried(Grammar::Form { form: "A/B", check }, "first"), [""; 0]);
        assert_eq!(tried(Grammar::Count { min: 1, max: 256 }, "1"), ["3"]);
        assert_eq!(tried(Grammar::Count { min: 1, max: 65_535 }, "512"), ["51"]);
        assert_eq!(tried(Grammar::Count { min: 1, max: 1 }, "1"), [""; 0]);
        assert_eq!(tried(Grammar::SOME_TIME, "1s"), [""; 0]);
        let dead = OptionEntry::optional("mq.most", Grammar::ANY_COUNT, "").gives_up();
        assert_eq!(values(&dead), [""; 0]);
    }
}
