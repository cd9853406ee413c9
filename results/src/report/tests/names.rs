//! Names of any length in tables.

use super::*;

/// Text is not aligned to more than 65,535 columns, and the standard library panics beyond that.
#[test]
fn a_name_of_any_length_is_shown() {
    let mut record = sample::record();
    record.runs[1].settings.insert("batch".into(), 7u64.into());
    for run in &mut record.runs {
        run.side = Some(crate::model::Side {
            role: crate::model::Role::Head,
            row: "r".repeat(70_000),
            name: "main".into(),
            revision: None,
            tool_version: String::new(),
            built: std::collections::BTreeMap::new(),
        });
    }
    // Names are cut where a record is read, which this one was not.
    let text = table(&record, None, Layout::plain(100));
    assert!(text.contains(&"r".repeat(70_000)) && text.contains("batch 7"), "{}", text.len());
    let read = crate::format::from_json(&crate::format::to_json(&record).unwrap()).unwrap();
    assert!(table(&read, None, Layout::plain(100)).len() < 20_000);
}
