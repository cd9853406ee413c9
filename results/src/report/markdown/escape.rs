//! Any text as Markdown that shows that text and nothing else.
//!
//! A record may hold names and errors that others wrote, and a report is pasted into pages where Markdown acts: it may link,
//! load pictures, notify people and refer to issues. Lives here: which characters are written in another way. Does not live
//! here: characters that act on a terminal and line breaks (`plain`), which are replaced first.

use crate::plain;

/// A character without width. It separates what GitHub would read as one word: the address of a page, the name of a person
/// after an `@`, the number of an issue after a `#`. A backslash does not help there, because GitHub looks for these words
/// when Markdown has become text.
const BREAK: &str = "&#8203;";

/// A text that begins a line, in which no character is markup.
pub(super) fn text(foreign: &str) -> String {
    escaped(foreign, true)
}

/// The same within a line, behind a word or in a cell of a table.
pub(super) fn inline(foreign: &str) -> String {
    escaped(foreign, false)
}

fn escaped(foreign: &str, begins_line: bool) -> String {
    let line = plain::line(foreign);
    let words: Vec<&str> = line.split_whitespace().collect();
    let chars: Vec<char> = words.join(" ").chars().collect();
    let mut safe = String::with_capacity(chars.len() * 5 / 4);
    for (at, c) in chars.iter().enumerate() {
        let rest = &chars[at + 1..];
        match c {
            '&' => safe.push_str("&amp;"),
            c if is_markup(&chars, at) || (begins_line && begins_block(&chars, at)) => {
                safe.extend(['\\', *c])
            }
            c => safe.push(*c),
        }
        if is_to_be_broken(&chars[..at], *c, rest) {
            safe.push_str(BREAK);
        }
    }
    safe
}

/// A text in a span of code. It must not stand in a table, where a `|` would end its cell.
pub(super) fn code(foreign: &str) -> String {
    let line = plain::line(foreign);
    if line.trim().is_empty() {
        return text(&line);
    }
    let fence = fence(&line, 1);
    // A blank at both ends is left out again. It keeps a backtick at an end apart from the fence.
    let blank = if line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{blank}{line}{blank}{fence}")
}

/// Backticks, at least so many, and more than stand together anywhere in the text.
pub(super) fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

/// Whether a character might begin or end markup within a line.
fn is_markup(chars: &[char], at: usize) -> bool {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    let next = chars.get(at + 1);
    match chars[at] {
        '\\' | '`' | '*' | '[' | '<' | '|' | '~' | '#' | '$' => true,
        // Within a word an underline is no emphasis, and names are full of them.
        '_' => !(at > 0 && is_word(chars.get(at - 1)) && is_word(next)),
        _ => false,
    }
}

/// Whether a character at the beginning of a line makes a list, a rule or a quotation of it.
fn begins_block(chars: &[char], at: usize) -> bool {
    let is_alone = chars.get(at + 1).is_none_or(|next| *next == ' ');
    match chars[at] {
        '-' => at == 0 && (is_alone || chars[1] == '-'),
        '+' => at == 0 && is_alone,
        '>' => at == 0,
        // `1. x` is an item of a list, and `1.5 ms` is not.
        '.' | ')' => at > 0 && is_alone && chars[..at].iter().all(char::is_ascii_digit),
        _ => false,
    }
}

fn is_after_gh(before: &[char]) -> bool {
    let [.., g, h] = before else { return false };
    g.eq_ignore_ascii_case(&'g') && h.eq_ignore_ascii_case(&'h')
}

/// Whether a character has to be kept apart from the next one.
fn is_to_be_broken(before: &[char], c: char, rest: &[char]) -> bool {
    let next = rest.first().copied().unwrap_or(' ');
    match c {
        '@' => next != ' ',
        // `GH-12` is an issue, as `#12` is.
        '-' => next.is_ascii_digit() && is_after_gh(before),
        '#' => next.is_ascii_digit(),
        // An address, or the name of a picture: `:rocket:`. A number is that of a port, but for two.
        ':' => {
            let is_name = |c: &&char| c.is_ascii_alphanumeric() || ['_', '+', '-'].contains(*c);
            let name: String = rest.iter().take_while(is_name).collect();
            let is_port = name.bytes().all(|c| c.is_ascii_digit()) && !["100", "1234"].contains(&&*name);
            rest.starts_with(&['/', '/']) || (!is_port && rest.get(name.len()) == Some(&':'))
        }
        'w' | 'W' => {
            next == '.' && before.iter().rev().take(2).filter(|c| matches!(c, 'w' | 'W')).count() == 2
        }
        _ => false,
    }
}
