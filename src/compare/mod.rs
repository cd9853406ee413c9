//! `drumpost compare`: two records, two dispatches of one, or two sides that it measures itself.
//!
//! Lives here: which of these is asked for, and what a verdict comes to as an exit code. Comparing what was measured before is in
//! `records`. Sides are in `side`, the building of a revision in `build`, copies of programs in `copies`, what is measured over them in
//! `rows`, in which order in `sequence`, the measuring of pairs in `pairs`, and comparisons with known answers in `prove`. Does not live
//! here: the rule that decides (`drumpost_results::compare`).

mod build;
mod copies;
mod pairs;
mod prove;
mod records;
mod rows;
mod sequence;
mod side;

use crate::{Exit, args::CompareArgs, assertions, exit::usage, output};
use drumpost_core::registry::Registry;
use drumpost_results::{
    compare::{Comparison, Verdict},
    export,
    model::Record,
    report, rows as rows_of,
    store::Reader,
};

/// Compares, prints, and turns the verdict into an exit code.
pub(crate) fn compare(registry: &Registry, args: &CompareArgs) -> anyhow::Result<Exit> {
    if let Some(comparisons) = args.sides.prove {
        return prove::prove(registry, args, comparisons);
    }
    match (&args.sides.base, &args.sides.head) {
        (Some(base), Some(head)) => pairs::compare(registry, args, base, head),
        (None, None) => {
            args.sides.refuse()?;
            records::compare(args)
        }
        (Some(_), None) => Err(usage("--base needs --head SIDE, which is what the base is compared with")),
        (None, Some(_)) => Err(usage("--head needs --base SIDE, which is what the head is compared with")),
    }
}

/// Prints and saves what is asked for, and says how the command ends. If stdout has the record, nothing is printed.
fn print(
    comparison: &Comparison,
    head: &Record,
    args: &CompareArgs,
    is_document: bool,
) -> anyhow::Result<Exit> {
    let rows = rows_of::of_comparison(comparison, head);
    let outcome = args.asserts.outcome(&rows)?;
    let report = || report::comparison(comparison);
    if is_document {
        assertions::page(report, &args.form, &outcome)?;
    } else {
        assertions::report(report, || report::json(comparison), &args.form, &outcome)?;
    }
    if let (Some(path), Some(junit)) = (&args.junit, export::named("junit")) {
        let of = export::Of::Comparison { comparison, is_strict: args.strict };
        let written = export::write(junit, &export::Source { of, assertions: Some(&outcome) })?;
        output::document(path, &written.text, Reader::Soon)?;
    }
    Ok(args.asserts.exit(exit(comparison, args.strict), &outcome, &rows))
}

fn exit(comparison: &Comparison, is_strict: bool) -> Exit {
    match comparison.verdict {
        Verdict::Regression => Exit::Regression,
        _ if comparison.is_invalid() => Exit::Invalid,
        // With `--strict`, a missing judgement must not look like a good one.
        Verdict::Inconclusive | Verdict::NotJudged if is_strict => Exit::Inconclusive,
        Verdict::NotJudged | Verdict::NoChange | Verdict::Improvement | Verdict::Inconclusive => Exit::Ok,
    }
}
