//! Reports in GitHub's dialect of Markdown, for a page or for a comment on a pull request.
//!
//! Lives here: every kind of block but tables (`table`). Foreign text is written by `escape`, so that it can neither end a
//! cell nor be markup. Does not live here: what is said (`block`), and the characters of a chart (`text`), which are shown
//! as they are on a terminal.

mod escape;
mod table;

use super::block::{Block, Fact, Facts, Heading, Item, Level, List, Saved, Term, Tone};
use super::text;
use escape::{code, fence, inline, text as safe};

/// Columns of a chart. A comment on GitHub has room for them.
const CHART: usize = 96;

/// Groups of blocks. Between two blocks there is an empty line, but facts that stand together are one list.
pub(super) fn render(groups: &[Vec<&Block>]) -> String {
    let mut markdown = String::new();
    for group in groups {
        let mut was_list = false;
        for block in group {
            let is_list = is_list(block);
            let goes_on = was_list && is_list;
            if !(markdown.is_empty() || goes_on) {
                markdown.push('\n');
            }
            markdown += &self::block(block);
            was_list = is_list;
        }
    }
    markdown
}

/// Whether a block is shown as items of a list.
fn is_list(block: &Block) -> bool {
    match block {
        Block::Facts(facts) => alert(facts.tone).is_none(),
        Block::Saved(_) => true,
        _ => false,
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(it) => heading(it),
        Block::Paragraph(it) => format!("{}\n", safe(&it.text)),
        Block::Facts(it) => facts(it),
        Block::List(it) => list(it),
        Block::Table(it) => table::table(it),
        Block::Settings(it) => table::settings(it),
        Block::Terms(it) => it.iter().map(term).collect(),
        Block::Chart(it) => drawn(&text::chart(it, text::Layout::plain(CHART))),
        Block::Trend(it) => drawn(&text::trend(it, text::Layout::plain(CHART))),
        Block::Saved(it) => saved(it),
        Block::Page(_) => String::new(),
    }
}

/// Characters in columns.
fn drawn(drawn: &str) -> String {
    let fence = fence(drawn, 3);
    format!("{fence}text\n{drawn}{fence}\n")
}

fn heading(heading: &Heading) -> String {
    let marks = match heading.level {
        Level::Report => "##",
        Level::Part => "###",
    };
    let facts =
        if heading.facts.is_empty() { String::new() } else { format!("\n{}\n", safe(&heading.facts)) };
    format!("{marks} {}\n{facts}", safe(&heading.name))
}

/// What GitHub calls a paragraph that is not to be overlooked.
fn alert(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Bad => Some("CAUTION"),
        Tone::Warning => Some("WARNING"),
        Tone::Plain | Tone::Strong | Tone::Good | Tone::Faint => None,
    }
}

/// Facts as a list. Several stand below their label. The bullet is another one than that of reasons, so that facts below reasons
/// are a list of their own.
fn facts(facts: &Facts) -> String {
    let label = format!("* **{}**", facts.label);
    let items = match &facts.facts[..] {
        all if facts.label.is_empty() => nested(all, 0),
        [one] if one.name.is_none() && one.below.is_empty() => {
            format!("{label} {}\n", inline(&one.parts.join("; ")))
        }
        all => format!("{label}\n{}", nested(all, 1)),
    };
    match alert(facts.tone) {
        Some(alert) => {
            let quoted: String = items.lines().map(|line| format!("> {line}\n")).collect();
            format!("> [!{alert}]\n{quoted}")
        }
        None => items,
    }
}

fn nested(facts: &[Fact], depth: usize) -> String {
    let mut items = String::new();
    for fact in facts {
        let name = fact.name.as_ref().map_or_else(String::new, |name| format!("{}: ", safe(&name.text)));
        items += &format!("{}* {name}{}\n", "  ".repeat(depth), safe(&fact.parts.join("; ")));
        items += &nested(&fact.below, depth + 1);
    }
    items
}

fn list(list: &List) -> String {
    let head = list.head.as_ref().map_or_else(String::new, |head| {
        format!("{} {}\n\n", table::toned(head.tone, head.word), inline(&head.about))
    });
    let items = list.items.iter().map(|item| match item {
        Item::Reason(said) => format!("- {}\n", safe(said)),
        Item::Note(said) => format!("- {}\n", safe(&format!("{}{said}", list.note_mark()))),
    });
    head + &items.collect::<String>()
}

fn term(term: &Term) -> String {
    let word = if term.word.is_empty() { String::new() } else { format!("**{}** ", term.word) };
    format!("- {word}{}\n", safe(&term.text))
}

/// The remark is a text of this package, whose quotes are those of Markdown.
fn saved(saved: &Saved) -> String {
    format!("* **saved** {}{}\n", code(&saved.path), saved.remark)
}

#[cfg(test)]
mod tests;
