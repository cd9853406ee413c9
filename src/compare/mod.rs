//! `drumpost compare`: two records, two dispatches of one, or two sides that it measures itself.
//!
//! Lives here: which of these is asked for, and what a verdict comes to as an exit code. Comparing what was measured before is in
//! `records`. Sides are in `side`, the building of a revision in `build`, its work tree in `work_tree`, copies of programs in `copies`, the record before its first
//! trial in `begun`, the running of git and cargo in `tool`, what is measured over them in `rows`, in which order in `sequence`, when it is looked at in `plans`, all of it together in `job`, the measuring of pairs in `pairs`, what viewers
//! are told of it in `told`, the time of `--within` in `budget`, how long a trial may take in `patience`, and comparisons with known answers in `prove`. Does not live
//! here: the rule that decides (`drumpost_results::compare`).

mod begun;
mod budget;
mod build;
mod copies;
mod job;
mod learned;
mod pairs;
mod patience;
mod plans;
mod prove;
mod records;
mod rows;
mod sequence;
mod side;
mod told;
mod tool;
mod work_tree;

use crate::{
    Exit,
    args::{CompareArgs, SideArg},
    assertions::{self, AssertArgs},
    exit::{self as ends, usage},
    files::{Files, Holds},
    interrupt::Interrupt,
    output, secrets,
};
use drumpost_core::registry::Registry;
use drumpost_results::{
    compare::{Comparison, Verdict},
    export::Of,
    model::Record,
    report, rows as rows_of, store,
};
use std::path::PathBuf;

/// Compares, prints, and turns the verdict into an exit code.
pub(crate) fn compare(registry: &Registry, args: &CompareArgs) -> anyhow::Result<Exit> {
    args.form.check_files(files(args))?;
    if let Some(comparisons) = args.sides.prove {
        args.refuse_beside_proof()?;
        return measured(|interrupted| prove::prove(registry, args, comparisons, interrupted));
    }
    match (&args.sides.base, &args.sides.head) {
        (Some(base), Some(head)) => measured(|interrupted| sides(registry, args, [base, head], interrupted)),
        (None, None) => {
            args.sides.refuse()?;
            if let Some(flag) = args.live.asked() {
                return Err(usage(format!("{flag}: nothing is measured here; give --base and --head, too")));
            }
            records::compare(args)
        }
        (Some(_), None) => Err(usage("--base needs --head SIDE, which is what the base is compared with")),
        (None, Some(_)) => Err(usage("--head needs --base SIDE, which is what the head is compared with")),
    }
}

/// What a comparison reads and writes.
fn files(args: &CompareArgs) -> Files {
    let sides = &args.sides;
    let read = [&args.a, &args.b, &sides.replay].into_iter().filter_map(Option::as_deref);
    // A side that is a program is a file, and so is a spec among the flags of run.
    let program = |side: &SideArg| PathBuf::from(side.0.strip_prefix("bin:").unwrap_or(&side.0));
    let programs =
        [&sides.base, &sides.head].into_iter().flatten().map(program).filter(|side| side.is_file());
    let after = sides.run.iter().skip_while(|word| *word != "--spec").nth(1).map(String::as_str);
    let spec = after.or_else(|| sides.run.iter().find_map(|word| word.strip_prefix("--spec=")));
    let holds = if sides.prove.is_some() { Holds::Proof } else { Holds::Record };
    let files = Files::default().reads(read).reads(programs).reads(spec);
    args.asserts.written(files.writes("--out", sides.out.as_deref(), holds))
}

/// Builds and measures. If that is interrupted, it is how the command ends, whatever else went wrong.
fn measured(work: impl FnOnce(&Interrupt) -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let interrupted = Interrupt::listen();
    match work(&interrupted) {
        Err(error) if interrupted.is_set() => {
            output::complain(&format!("{error:#}"));
            Ok(Exit::Interrupted)
        }
        Ok(_) if interrupted.is_set() => Ok(Exit::Interrupted),
        done => done,
    }
}

/// Builds both sides and measures them.
fn sides(
    registry: &Registry,
    args: &CompareArgs,
    [base, head]: [&SideArg; 2],
    interrupted: &Interrupt,
) -> anyhow::Result<Exit> {
    let how = build::How::of(args, interrupted);
    copies::remove_left();
    let prepare = |arg: &SideArg| side::prepare(arg, registry, &how);
    match prepare(base).and_then(|base| Ok([base, prepare(head)?])) {
        Ok([base, head]) => pairs::compare(registry, args, [&base, &head], interrupted),
        Err(error) if ends::of(&error) == Exit::Failed && !interrupted.is_set() => {
            not_begun(&error, args, [base, head])
        }
        Err(error) => Err(error),
    }
}

/// A side could not be built, so there is nothing to compare. That is printed and saved in each form that was asked for: an empty file is
/// easily passed over, and a file of an earlier comparison would be taken for the answer.
fn not_begun(error: &anyhow::Error, args: &CompareArgs, [base, head]: [&SideArg; 2]) -> anyhow::Result<Exit> {
    let why = format!("{error:#}");
    output::complain(&why);
    let [a, b] = [base, head].map(|side| secrets::hide(&side.0));
    let comparison = Comparison::not_begun(a, b, why);
    let nothing = Record::default();
    // A goal would be about rows, and there are none.
    let asserts = AssertArgs { assertions: Vec::new(), ..args.asserts.clone() };
    let is_document = args.sides.out.as_deref().is_some_and(store::is_stdout);
    print(&comparison, [&nothing, &nothing], args, &asserts, is_document)
}

/// Prints and saves what is asked for, and says how the command ends. If stdout has the record, nothing is printed.
/// `records` are those that A and B are from; both may be the same.
fn print(
    comparison: &Comparison,
    records: [&Record; 2],
    args: &CompareArgs,
    asserts: &AssertArgs,
    is_document: bool,
) -> anyhow::Result<Exit> {
    let rows = rows_of::of_comparison(comparison, records[1]);
    let outcome = asserts.outcome(&rows)?;
    let report = || report::comparison(comparison, records);
    if is_document {
        assertions::page(report, &args.form, &outcome)?;
    } else {
        assertions::report(report, || report::json(comparison), &args.form, &outcome)?;
    }
    let (is_strict, tolerates_machine) = (args.strict, args.tolerate_machine);
    asserts.save_junit(Of::Comparison { comparison, is_strict, tolerates_machine }, &outcome, &rows)?;
    let end = tolerated(exit(comparison, args.strict), comparison, args);
    Ok(asserts.exit(end, &outcome, &rows))
}

/// The same, but with `--tolerate-machine` a comparison passes if the machine may be the reason that it is invalid: the head is not to blame
/// (its trials are not invalid in clearly more pairs than those of the base, and some of its flows ended). Such a comparison has no verdict,
/// so `--strict` fails it.
/// A comparison in which nothing was judged never passes.
fn tolerated(end: Exit, comparison: &Comparison, args: &CompareArgs) -> Exit {
    if end != Exit::Invalid || !args.tolerate_machine || comparison.is_b_to_blame() {
        return end;
    }
    let (end, says) = match comparison.verdict {
        Verdict::NotJudged => {
            (Exit::Inconclusive, "--tolerate-machine does not fail it, but nothing was judged")
        }
        _ if args.strict => (Exit::Inconclusive, "--tolerate-machine does not fail it, but --strict does"),
        _ => (Exit::Ok, "--tolerate-machine does not fail it"),
    };
    output::remark(&format!("the comparison is invalid, and the machine may be the reason: {says}"));
    end
}

/// The same whether it was measured now or is shown again: what a comparison says of its measuring is in its record.
fn exit(comparison: &Comparison, is_strict: bool) -> Exit {
    match comparison.verdict {
        _ if comparison.course.is_interrupted() => Exit::Interrupted,
        _ if comparison.course.is_failed() => Exit::Failed,
        // A side that loses messages may well be the faster one.
        _ if comparison.breaks_promise() => Exit::Audit,
        Verdict::Regression => Exit::Regression,
        _ if comparison.is_invalid() => Exit::Invalid,
        // Nothing was judged, as in two files of different times. That must never look like a pass.
        Verdict::NotJudged => Exit::Inconclusive,
        Verdict::Inconclusive if is_strict => Exit::Inconclusive,
        Verdict::NoChange | Verdict::Improvement | Verdict::Inconclusive => Exit::Ok,
    }
}
