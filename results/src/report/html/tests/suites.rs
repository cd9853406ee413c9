//! Tests of the page of a suite that was disturbed.

use super::*;

#[test]
fn what_disturbed_a_suite_stands_apart_from_its_title() {
    let mut disturbed = cells();
    let runs = disturbed.records.iter_mut().flatten().flat_map(|record| &mut record.runs);
    for trial in runs.flat_map(|run| &mut run.trials) {
        trial.hygiene.cores_ns = Some(1_000_000_000);
        trial.hygiene.steal_ns = Some(500_000_000);
    }
    let text = suite(&disturbed, None).text(crate::report::Layout::plain(100));
    let mut lines = text.lines().skip_while(|line| !line.starts_with("in process  "));
    assert!(
        lines.nth(1) == Some("") && lines.next().is_some_and(|line| line.starts_with("machine")),
        "{text}"
    );
}
