//! The verdict in one line with its reason: the worst of all runs, the answer of a search, the verdict of a comparison.
//!
//! Does not live here: judging (`crate::verdict`, `crate::compare`).

use super::super::block::{Block, Lead, OnPage, Tone};
use super::super::comparison::{Headline, headline};
use super::super::names;
use super::super::run::state;
use crate::compare::{Comparison, Gate, Row, Verdict as Compared};
use crate::model::search::Search;
use crate::model::{Run, Status, Validity, Verdict};
use crate::units;
use std::borrow::Cow;

/// A run's verdict as one word, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Valid,
    Interrupted,
    Suspect,
    Invalid,
    AuditFailed,
    Refused,
    Failed,
    Missing,
}

impl Rank {
    /// Severity as in the table of exit codes: failed, refused, audit failed, invalid.
    fn of(run: &Run, verdict: &Verdict) -> Self {
        match (run.status(), verdict.status) {
            (Status::Failed, _) => Self::Failed,
            (Status::Refused, _) => Self::Refused,
            _ if run.audit_failed() => Self::AuditFailed,
            (_, Validity::Invalid) => Self::Invalid,
            (_, Validity::Suspect) => Self::Suspect,
            (Status::Interrupted, _) => Self::Interrupted,
            (Status::Ok, Validity::Valid) => Self::Valid,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Interrupted => "interrupted",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
            Self::AuditFailed => "audit failed",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Missing => "no run",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Valid => Tone::Good,
            Self::Interrupted | Self::Suspect | Self::Missing => Tone::Warning,
            Self::Invalid | Self::AuditFailed | Self::Refused | Self::Failed => Tone::Bad,
        }
    }
}

/// The worst of some runs, with its reason.
pub(in crate::report) fn of_runs(
    title: String,
    facts: String,
    judged: &[(&Run, Verdict)],
    is_heading: bool,
) -> Block {
    let called: Vec<Cow<'_, str>> = judged.iter().map(|(run, _)| names::run(run)).collect();
    let named = called.iter().zip(judged).map(|(name, (run, verdict))| (&**name, *run, verdict));
    let word = if judged.iter().any(|(run, _)| run.side.is_some()) { "runs" } else { "dispatches" };
    Block::Page(OnPage::Lead(Lead { title, facts, is_heading, ..worst(named, word) }))
}

/// The worst of the cells of a suite. A cell that was refused before the suite began has no run, but a reason.
pub(in crate::report) fn of_suite(
    title: String,
    facts: String,
    cells: &[(&str, &Run, Verdict)],
    refused: &[(&str, &str)],
    left: usize,
) -> Block {
    let named = cells.iter().map(|(name, run, verdict)| (*name, *run, verdict));
    let mut lead = worst(named, "cells");
    if let Some((name, reason)) = refused.first().filter(|_| lead.word != Rank::Failed.word()) {
        (lead.tone, lead.word) = (Rank::Refused.tone(), Rank::Refused.word().into());
        (lead.about, lead.reason) = ((*name).to_owned(), (*reason).to_owned());
    }
    let words = cells.iter().map(|(_, run, verdict)| state(run, verdict).text);
    let others = [("refused", refused.len()), ("not run", left)];
    let others = others.into_iter().flat_map(|(word, n)| std::iter::repeat_n(word.to_owned(), n));
    lead.counts = counted(words.chain(others));
    Block::Page(OnPage::Lead(Lead { title, facts, is_heading: true, ..lead }))
}

fn worst<'a>(all: impl Iterator<Item = (&'a str, &'a Run, &'a Verdict)>, what: &str) -> Lead {
    let mut ranked: Vec<(Rank, &str, &Run, &Verdict)> =
        all.map(|(name, run, verdict)| (Rank::of(run, verdict), name, run, verdict)).collect();
    // A stable order: the first of the worst is named.
    ranked.sort_by_key(|(rank, ..)| *rank);
    let highest = ranked.last().map_or(Rank::Missing, |(rank, ..)| *rank);
    let first = ranked.iter().find(|(rank, ..)| *rank == highest);
    let (about, reason) = match first {
        None => (String::new(), "there is no run in this record".to_owned()),
        Some((Rank::Valid, ..)) if ranked.len() == 1 => {
            (String::new(), "nothing speaks against the figures".into())
        }
        Some((Rank::Valid, ..)) => {
            (String::new(), format!("nothing speaks against the figures of the {} {what}", ranked.len()))
        }
        Some((rank, name, run, verdict)) => ((*name).to_owned(), reason(*rank, run, verdict)),
    };
    Lead {
        tone: highest.tone(),
        word: highest.word().into(),
        about,
        reason,
        counts: counts(&ranked),
        ..Lead::default()
    }
}

fn reason(rank: Rank, run: &Run, verdict: &Verdict) -> String {
    let faults = || {
        let faults = run.promises.faults(&run.audit());
        let faults: Vec<String> =
            faults.iter().map(|(n, word)| format!("{} {word}", units::count(*n))).collect();
        format!("the transport broke its promise: {}", faults.join(", "))
    };
    let said = match rank {
        Rank::Failed | Rank::Refused | Rank::Interrupted => run.error().map(str::to_owned),
        Rank::AuditFailed => Some(faults()),
        Rank::Valid | Rank::Suspect | Rank::Invalid | Rank::Missing => verdict.reasons.first().cloned(),
    };
    said.unwrap_or_else(|| "no reason was given".into())
}

/// `1 valid, 1 suspect, 1 refused`, in the words of the table; empty if all are the same.
fn counts(ranked: &[(Rank, &str, &Run, &Verdict)]) -> String {
    counted(ranked.iter().map(|(_, _, run, verdict)| state(run, verdict).text))
}

/// How often each word occurs, in order of appearance; empty if all are the same.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for word in words {
        match counted.iter_mut().find(|(known, _)| *known == word) {
            Some((_, n)) => *n += 1,
            None => counted.push((word, 1)),
        }
    }
    if counted.len() < 2 {
        return String::new();
    }
    counted.iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

/// The answers of a search. `sentences` has one for each dispatch, with its tone.
pub(in crate::report) fn of_search(search: &Search, facts: String, sentences: &[(Tone, String)]) -> Block {
    let worst = |tone: &Tone| match tone {
        Tone::Bad => 2,
        Tone::Warning => 1,
        _ => 0,
    };
    let mut lead = Lead {
        title: "Search".into(),
        facts,
        tone: Tone::Warning,
        word: "no answer".into(),
        reason: "no dispatch was searched".into(),
        is_heading: true,
        ..Lead::default()
    };
    let all = search.dispatches.iter().zip(sentences);
    if let Some((searched, (tone, sentence))) = all.rev().max_by_key(|(_, (tone, _))| worst(tone)) {
        (lead.tone, lead.word) = (*tone, searched.answer.end.word().into());
        (lead.about, lead.reason) = (searched.dispatch.clone(), sentence.clone());
    }
    lead.counts = counted(search.dispatches.iter().map(|one| one.answer.end.word().to_owned()));
    Block::Page(OnPage::Lead(lead))
}

/// The headline of a comparison, with the gate that decided it or the promise that is broken.
pub(in crate::report) fn of_comparison(comparison: &Comparison) -> Block {
    let Headline { tone, word, facts } = headline(comparison);
    let gates = comparison.rows.iter().flat_map(|row| row.gates.iter().map(move |gate| (row, gate)));
    let of_verdict = gates.filter(|(_, gate)| gate.verdict == comparison.verdict);
    let moved = |gate: &Gate| gate.ratio.ln().abs() / gate.margin.unwrap_or(1.0);
    let deciding = of_verdict.max_by(|a, b| moved(a.1).total_cmp(&moved(b.1)));
    let (about, reason) = match deciding {
        _ if !facts.is_empty() => (String::new(), facts),
        Some((row, gate)) if comparison.verdict != Compared::NotJudged => {
            (about(comparison, row), said(gate))
        }
        _ => {
            let note = comparison.notes.last().cloned();
            (String::new(), note.unwrap_or_else(|| "one side has no figures".into()))
        }
    };
    let mut counts: Vec<String> = Vec::new();
    for verdict in [Compared::Regression, Compared::Inconclusive, Compared::Improvement, Compared::NoChange] {
        let gates = comparison.rows.iter().flat_map(|row| &row.gates);
        match gates.filter(|gate| gate.verdict == verdict).count() {
            0 => {}
            n => counts.push(format!("{n} {}", verdict.words())),
        }
    }
    Block::Page(OnPage::Lead(Lead {
        title: "Comparison".into(),
        facts: String::new(),
        tone,
        word: word.into(),
        about,
        reason,
        counts: if counts.is_empty() { String::new() } else { format!("metrics: {}", counts.join(", ")) },
        is_heading: true,
        ..Lead::default()
    }))
}

/// The row that decided. Of several rows the dispatches alone do not say which.
fn about(comparison: &Comparison, row: &Row) -> String {
    if comparison.rows.len() == 1 { names::dispatches(row) } else { row.label() }
}

/// The figure and its verdict, in the words of the notes below its table.
fn said(gate: &Gate) -> String {
    format!("{}: {}", gate.metric.label(), gate.brief_sentence())
}
