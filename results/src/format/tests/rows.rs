//! Names of sides and rows that are too long for a table.

use super::*;
use crate::model::{Compared, ComparedRow, Pairing, Role, Side};
use crate::plain::NAME_LEN;
use std::collections::BTreeMap;

/// A record of two sides with rows of these names.
fn compared(rows: &[&str]) -> Record {
    let roles = [Role::Base, Role::Head, Role::Control];
    let side = |row: &str, role| Side {
        role,
        row: row.into(),
        name: "n".repeat(300),
        revision: Some("r".repeat(300)),
        tool_version: String::new(),
        built: BTreeMap::from([("rustflags".into(), "f".repeat(300))]),
    };
    let of_row = |row: &&str| {
        roles.map(|role| Run { side: Some(side(row, role)), ..sample::run("message/crossbeam", 0, 1.0) })
    };
    let order = rows.iter().flat_map(|row| roles.map(|role| (format!("{} {row}", role.word()), 0)));
    let named = |row: &&str| ComparedRow { name: (*row).into(), ..ComparedRow::default() };
    Record {
        runs: rows.iter().flat_map(of_row).collect(),
        pairing: Some(Pairing { id: "p".into(), order: order.collect() }),
        comparison: Some(Compared {
            base: "b".repeat(300),
            rows: rows.iter().map(named).collect(),
            repeated: BTreeMap::from([("s".repeat(300), 2), (format!("{}t", "s".repeat(300)), 3)]),
            ..Compared::default()
        }),
        ..sample::record()
    }
}

fn read(record: &Record) -> Record {
    from_json(&to_json(record).unwrap()).unwrap()
}

#[test]
fn long_names_of_rows_stay_names_of_the_same_rows() {
    let long = "sizes/stream/message/crossbeam ".repeat(10);
    let names = [format!("{long}batch=1"), format!("{long}batch=2"), "short row".to_owned(), "x".repeat(195)];
    let record = read(&compared(&names.each_ref().map(String::as_str)));
    let rows: Vec<&str> =
        record.comparison.as_ref().unwrap().rows.iter().map(|row| row.name.as_str()).collect();
    assert!(rows.iter().all(|row| row.chars().count() <= NAME_LEN), "{rows:?}");
    assert!(rows[0].ends_with('…') && rows[1].ends_with("… (2)"), "{rows:?}");
    assert_eq!(rows[2..], names[2..], "what is short enough stays");
    let roles = ["base", "head", "control"];
    let expected = rows.iter().flat_map(|row| roles.map(|role| format!("{role} {row}")));
    let labels = record.pairing.as_ref().unwrap().order.iter().map(|(label, _)| label.clone());
    assert!(labels.eq(expected), "a replay finds the rows by these labels");
    let sides: Vec<&Side> = record.runs.iter().filter_map(|run| run.side.as_ref()).collect();
    assert!(sides.chunks(3).zip(&rows).all(|(sides, row)| sides.iter().all(|side| side.row == *row)));
    let others = [&sides[0].name, sides[0].revision.as_ref().unwrap(), &sides[0].built["rustflags"]];
    assert!(others.iter().all(|name| name.chars().count() == NAME_LEN), "{others:?}");
    let compared = record.comparison.as_ref().unwrap();
    assert_eq!(compared.base.chars().count(), NAME_LEN);
    assert_eq!(compared.repeated.values().collect::<Vec<_>>(), [&5], "keys that became the same");
    assert_eq!(read(&record), record, "a second time nothing is cut");
}

/// A goal of a suite's cell is about the row of that name, however long the name is.
#[test]
fn a_goal_is_about_the_same_row_once_its_name_is_cut() {
    let long = "sizes/stream/message/crossbeam ".repeat(10);
    let names = [format!("{long}batch=1"), format!("{long}batch=2")];
    let mut record = compared(&names.each_ref().map(String::as_str));
    let goals = &mut record.comparison.as_mut().unwrap().goals;
    *goals = vec!["lost = 0".into(), format!("{}: p99 < 2 ms", names[1]), "message: p50 < 1 ms".into()];
    let read = read(&record).comparison.unwrap();
    assert_eq!(
        read.goals,
        ["lost = 0", &format!("{}: p99 < 2 ms", read.rows[1].name), "message: p50 < 1 ms"]
    );
}

#[test]
fn labels_of_no_side_are_names() {
    let mut record = compared(&["a"]);
    let order = &mut record.pairing.as_mut().unwrap().order;
    order.push((format!("head\n{}", "a".repeat(300)), 1));
    order.push((format!("head {}", "é".repeat(70_000)), 1));
    let read = read(&record);
    let labels: Vec<&str> =
        read.pairing.as_ref().unwrap().order.iter().map(|(label, _)| label.as_str()).collect();
    let [.., broken, long] = labels[..] else { panic!("{labels:?}") };
    assert!(broken.starts_with("head ⏎ aaa") && broken.chars().count() == NAME_LEN, "{broken}");
    assert_eq!(long.chars().count(), NAME_LEN + "head ".len(), "the role is no part of the row's name");
}
