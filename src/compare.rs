//! `drumpost compare A B`: two records, or two dispatches of one.

use crate::{
    Exit,
    args::CompareArgs,
    exit::usage,
    output::{self, Form},
    show::load,
};
use drumpost_results::{
    compare::{Options, Verdict, compare as compare_records, compare_within},
    report,
};

use std::path::Path;

const NEEDS: &str = "compare needs two records, A and B, or one record and two of its dispatches, such as --between \
                     message/crossbeam,event/crossbeam";

/// Compares, prints, and turns the verdict into an exit code.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<Exit> {
    if args.b.is_none() && args.between.is_none() {
        return Err(usage(NEEDS));
    }
    let options = Options::default();
    let judged = |file: &Path| {
        let mut record = load(file)?;
        if record.search.is_some() {
            return Err(usage(format!(
                "{} is the record of a search; compare reads records of run",
                file.display()
            )));
        }
        args.thresholds.judge_anew(&mut record)?;
        Ok(record)
    };
    let a = judged(&args.a)?;
    let comparison = match (&args.between, &args.b) {
        (Some(between), _) => {
            let Some((first, second)) = between.split_once(',') else {
                let form = "two dispatches with a comma between, such as message/crossbeam,event/crossbeam";
                return Err(usage(format!("--between `{between}`: write {form}")));
            };
            compare_within(&a, first, second, &options)
        }
        (None, Some(b)) => compare_records(&a, &judged(b)?, &options),
        (None, None) => return Err(usage(NEEDS)),
    };
    let comparison = comparison.map_err(|error| usage(error.to_string()))?;
    let form = Form::of(args.json, args.markdown);
    output::report(|| report::comparison(&comparison), || report::json(&comparison), form)?;
    Ok(match comparison.verdict {
        Verdict::Regression => Exit::Regression,
        _ if comparison.is_invalid() => Exit::Invalid,
        // With `--strict`, a missing judgement must not look like a good one.
        Verdict::Inconclusive | Verdict::NotJudged if args.strict => Exit::Inconclusive,
        Verdict::NotJudged | Verdict::NoChange | Verdict::Improvement | Verdict::Inconclusive => Exit::Ok,
    })
}
