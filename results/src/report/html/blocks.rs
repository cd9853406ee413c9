//! Blocks of a page but for tables and drawings.
//!
//! Does not live here: tables and settings (`table`), charts (`drawing`).

use super::super::block::{Block, Fact, Facts, Heading, Item, Lead, Level, List, Paragraph, Term, Tone};
use super::escape::{html, with_code};

/// The class of a tone.
pub(super) const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong => "strong",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
        Tone::Faint => "faint",
    }
}

/// Title, facts and the verdict in one line.
pub(super) fn lead(lead: &Lead, is_first: bool) -> String {
    let (level, kind) = if is_first { (1, "first") } else { (2, "further") };
    let facts = if lead.facts.is_empty() {
        String::new()
    } else {
        format!("<p class=\"facts\">{}</p>\n", html(&lead.facts))
    };
    let about = if lead.about.is_empty() {
        String::new()
    } else {
        format!("<span class=\"about\">{}</span> ", html(&lead.about))
    };
    let counts = if lead.counts.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"counts\">{}</span>", html(&lead.counts))
    };
    let goals = lead.goals.as_ref().map_or_else(String::new, |(tone, said)| {
        format!(" <span class=\"goals {}\">{}</span>", class(*tone), html(said))
    });
    format!(
        "<header class=\"{kind}\">\n<h{level}>{}</h{level}>\n{facts}<p class=\"verdict {}\"><strong>{}</strong> {about}{}{counts}{goals}</p>\n</header>\n",
        html(&lead.title),
        class(lead.tone),
        html(&lead.word),
        html(&lead.reason)
    )
}

pub(super) fn section(level: u8, title: &str, about: &str) -> String {
    let about =
        if about.is_empty() { String::new() } else { format!("<p class=\"hint\">{}</p>\n", html(about)) };
    format!("<h{level} class=\"section\">{}</h{level}>\n{about}", html(title))
}

pub(super) fn heading(level: u8, heading: &Heading) -> String {
    let kind = match heading.level {
        Level::Report => "report",
        Level::Part => "part",
    };
    let facts = if heading.facts.is_empty() {
        String::new()
    } else {
        format!("<p class=\"facts\">{}</p>\n", html(&heading.facts))
    };
    let tone = class(heading.tone);
    format!("<h{level} class=\"{kind} {tone}\">{}</h{level}>\n{facts}", html(&heading.name))
}

pub(super) fn paragraph(paragraph: &Paragraph) -> String {
    format!("<p class=\"{}\">{}</p>\n", class(paragraph.tone), html(&paragraph.text))
}

/// Facts under their labels, and where all of it was saved.
pub(super) fn facts<'a>(blocks: impl Iterator<Item = &'a Block>) -> String {
    let mut rows = String::new();
    for block in blocks {
        match block {
            Block::Facts(it) => rows += &labelled(it),
            Block::Saved(it) => {
                rows += &format!(
                    "<dt>saved</dt><dd><code>{}</code>{}</dd>\n",
                    html(&it.path),
                    with_code(it.remark)
                );
            }
            _ => {}
        }
    }
    format!("<dl class=\"labelled\">\n{rows}</dl>\n")
}

fn labelled(facts: &Facts) -> String {
    let tone = class(facts.tone);
    let items: String = facts.facts.iter().map(fact).collect();
    format!("<dt class=\"{tone}\">{}</dt><dd class=\"{tone}\">{items}</dd>\n", html(facts.label))
}

fn fact(fact: &Fact) -> String {
    let name = fact.name.as_ref().map_or_else(String::new, |name| format!("<b>{}</b> ", html(&name.text)));
    let below: String = fact.below.iter().map(self::fact).collect();
    let below = if below.is_empty() { below } else { format!("<div class=\"below\">{below}</div>") };
    format!("<p>{name}{}</p>{below}", html(&fact.parts.join("; ")))
}

/// Reasons and notes under the name of what they are about.
pub(super) fn list(list: &List) -> String {
    let head = list.head.as_ref().map_or_else(String::new, |head| {
        format!(
            "<p class=\"head\"><span class=\"pill {}\">{}</span> <b>{}</b></p>\n",
            class(head.tone),
            html(head.word),
            html(&head.about)
        )
    });
    let item = |item: &Item| match item {
        Item::Reason(said) => format!("<li>{}</li>\n", html(said)),
        Item::Note(said) => format!("<li class=\"note\">{}{}</li>\n", list.note_mark(), html(said)),
    };
    format!(
        "<div class=\"list\">\n{head}<ul>\n{}</ul>\n</div>\n",
        list.items.iter().map(item).collect::<String>()
    )
}

pub(super) fn terms(terms: &[Term]) -> String {
    let term = |term: &Term| format!("<dt>{}</dt><dd>{}</dd>\n", html(term.word), html(&term.text));
    format!("<dl class=\"labelled\">\n{}</dl>\n", terms.iter().map(term).collect::<String>())
}

/// A command. Each of its lines is one.
pub(super) fn code(code: &str) -> String {
    let lines: Vec<String> = code.split('\n').map(html).collect();
    format!("<pre><code>{}</code></pre>\n", lines.join("\n"))
}
