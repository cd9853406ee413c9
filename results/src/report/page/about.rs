//! The end of a page: the machine, the versions, the seed, and the command that repeats it.

use super::super::block::{Block, OnPage, Pair, Paragraph, Settings, Tone};
use crate::format::suite::Plan;
use crate::model::{Record, Role};
use std::collections::BTreeMap;

/// Of a record.
pub(in crate::report) fn of_record(record: &Record) -> Vec<Block> {
    of(record, "")
}

/// Of what was compared. Two sides, and two dispatches, are in one record.
pub(in crate::report) fn of_compared([a, b]: [&Record; 2]) -> Vec<Block> {
    if std::ptr::eq(a, b) {
        return of_record(a);
    }
    [of(a, "Of record A."), of(b, "Of record B.")].concat()
}

/// `which` says which record it is, if there are two.
fn of(record: &Record, which: &str) -> Vec<Block> {
    let mut pairs = vec![
        pair("record", &record.id),
        pair("drumpost", &record.tool_version),
        pair("started", record.started_at.as_deref().unwrap_or("in virtual time")),
        pair("seed", &record.seed.to_string()),
    ];
    pairs.extend(sides(record));
    pairs.extend(machine(&record.environment));
    let mut blocks = vec![Block::section("Machine and versions", which), settings(pairs)];
    blocks.push(Block::section("To repeat it", which));
    blocks.extend(command(&record.command));
    if record.comparison.is_some() {
        let text = "The record also holds the order and the seeds of all pairs that count: drumpost compare --base SIDE --head SIDE --replay FILE runs them again.";
        blocks.push(sentence(text));
    }
    if record.spec.is_some() {
        let text = "The record also holds what was asked for, field by field: drumpost run --spec FILE runs it again.";
        blocks.push(sentence(text));
    }
    blocks
}

/// What base and head of a comparison were asked to be, and what was built for them.
fn sides(record: &Record) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for role in [Role::Base, Role::Head] {
        // All rows have the same sides. A program tells its version with its first trial.
        let all = || record.runs.iter().filter_map(|run| run.side.as_ref());
        let of_side = || all().filter(move |side| side.role == role);
        let word = role.told();
        pairs.extend(of_side().next().map(|side| pair(word, &side.name)));
        let revision = of_side().find_map(|side| side.revision.as_deref());
        pairs.extend(revision.map(|revision| pair(&format!("{word} revision"), revision)));
        let version = of_side().map(|side| side.tool_version.as_str()).find(|version| !version.is_empty());
        pairs.extend(version.map(|version| pair(&format!("{word} drumpost"), version)));
    }
    pairs
}

/// Of a suite.
pub(in crate::report) fn of_suite(plan: &Plan) -> Vec<Block> {
    let mut pairs = vec![
        pair("suite", &plan.id),
        pair("file", &plan.file),
        pair("drumpost", &plan.tool_version),
        pair("started", plan.started_at.as_deref().unwrap_or("in virtual time")),
        pair("seed", &plan.seed.to_string()),
    ];
    pairs.extend(plan.only.as_deref().map(|only| pair("only", only)));
    pairs.extend(machine(&plan.host));
    let mut blocks = vec![Block::section("Machine and versions", ""), settings(pairs)];
    blocks.push(Block::section("To repeat it", ""));
    blocks.extend(command(&repeating(plan)));
    blocks
}

/// The command line of a suite. What an older drumpost began has none, so there it has the name of the file alone.
fn repeating(plan: &Plan) -> Vec<String> {
    if !plan.command.is_empty() {
        return plan.command.clone();
    }
    let mut words = vec!["drumpost".to_owned(), "suite".to_owned(), plan.file.clone()];
    words.extend(plan.only.iter().flat_map(|only| ["--only".to_owned(), only.clone()]));
    words
}

fn command(words: &[String]) -> Vec<Block> {
    if words.is_empty() {
        return vec![sentence("The record does not say which command it is from.")];
    }
    vec![Block::Page(OnPage::Code(quoted(words)))]
}

fn sentence(text: &str) -> Block {
    Block::Paragraph(Paragraph { tone: Tone::Faint, text: text.into() }).only_on_page()
}

fn settings(shared: Vec<Pair>) -> Block {
    Block::Settings(Settings { shared, own: Vec::new() }).only_on_page()
}

fn machine(facts: &BTreeMap<String, String>) -> impl Iterator<Item = Pair> {
    facts.iter().map(|(key, value)| pair(key, value))
}

fn pair(key: &str, value: &str) -> Pair {
    Pair { key: key.to_owned(), value: value.to_owned() }
}

/// The words of a command line, so that a shell reads the same words.
fn quoted(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let quoted = words.iter().map(|word| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_words() {
        let words = ["drumpost", "search", "--slo", "p99<20ms", "--note", "it's", ""].map(str::to_owned);
        assert_eq!(quoted(&words), r"drumpost search --slo 'p99<20ms' --note 'it'\''s' ''");
    }

    #[test]
    fn a_suite_is_repeated_by_the_command_line_that_began_it() {
        let mut state = serde_json::json!({
            "schema_version": 1, "id": "s-1", "name": "s", "tool_version": "0.1.0", "started_at": null, "seed": 1, "host": {},
            "only": "event", "file": "s.toml", "text": "", "cells": [], "order": [],
        });
        let words = |state: &serde_json::Value| repeating(&serde_json::from_value(state.clone()).unwrap());
        assert_eq!(words(&state), ["drumpost", "suite", "s.toml", "--only", "event"], "of an older drumpost");
        let given = ["drumpost", "suite", "suites/s.toml", "--only", "event", "--assert", "lost=0"];
        state["command"] = serde_json::json!(given);
        assert_eq!(words(&state), given);
    }
}
