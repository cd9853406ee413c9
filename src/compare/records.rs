//! Two records, or two dispatches of one record.

use super::print;
use crate::{Exit, args::CompareArgs, exit::usage, show::load};
use drumpost_results::compare::{
    Margins, Options, compare as compare_records, compare_sides, compare_within,
};
use std::path::Path;

const NEEDS: &str = "compare needs two records, A and B; or one record and two of its dispatches, such as --between \
                     message/crossbeam,event/crossbeam; or --base SIDE --head SIDE, which it measures itself";

/// Compares what was measured before.
pub(crate) fn compare(args: &CompareArgs) -> anyhow::Result<Exit> {
    let Some(first) = &args.a else { return Err(usage(NEEDS)) };
    let options = Options { margins: Margins::default().with(&args.margin), ..Options::default() };
    let judged = |file: &Path| {
        let mut record = load(file)?;
        if record.search.is_some() {
            return Err(usage(format!(
                "{} is the record of a search; compare reads records of run",
                file.display()
            )));
        }
        args.thresholds.judge_anew(&mut record)?;
        if let Some(compared) = &mut record.comparison {
            compared.margins = Margins::from_changed(&compared.margins).with(&args.margin).changed();
        }
        Ok(record)
    };
    let is_alone = args.between.is_none() && args.b.is_none();
    let a =
        judged(first).map_err(|error| if is_alone { usage(format!("{error:#}; {NEEDS}")) } else { error })?;
    let second = args.b.as_deref().map(judged).transpose()?;
    let comparison = match (&args.between, &second) {
        (Some(between), _) => {
            let Some((first, second)) = between.split_once(',') else {
                let form = "two dispatches with a comma between, such as message/crossbeam,event/crossbeam";
                return Err(usage(format!("--between `{between}`: write {form}")));
            };
            compare_within(&a, first, second, &options)
        }
        (None, Some(b)) => compare_records(&a, b, &options),
        (None, None) if a.comparison.is_some() => compare_sides(&a, &options),
        (None, None) => return Err(usage(NEEDS)),
    };
    let comparison = comparison.map_err(|error| usage(error.to_string()))?;
    let asserts =
        if is_alone { args.asserts.over_record(&a, args.tolerate_machine)? } else { args.asserts.clone() };
    print(&comparison, [&a, second.as_ref().unwrap_or(&a)], args, &asserts, false)
}
