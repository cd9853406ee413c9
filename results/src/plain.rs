//! Foreign text made harmless for a terminal, a picture or a table: control characters, marks that change the direction of
//! writing, line breaks, and lengths.
//!
//! Names and reasons of a record, errors of a server and lines of a file may hold anything, such as sequences that rename
//! the window, fill the clipboard (OSC 52) or show text in another order than it is in. Lives here: which characters are
//! replaced. Does not live here: printing (the command line's `output`) and drawing (the dashboard), which call this.

use std::borrow::Cow;

/// The most characters of a name or a label. More is cut on reading: a table would not show it, and text is not aligned
/// to more than 65,535 columns.
pub const NAME_LEN: usize = 200;

/// What stands in place of a character that is not shown.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Whether a character acts on a terminal or on the order of the text around it, rather than being shown. Line ends and
/// tabs are not meant.
#[must_use]
pub const fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // C0 with ESC and BEL, DEL, and C1 with CSI and OSC.
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        // Arabic letter mark, left-to-right and right-to-left marks.
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        // Line and paragraph separators; embeddings and overrides; isolates; deprecated shapes.
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // Tags, which are not seen.
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// The text with every character that [`acts`] replaced.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    replaced(text, |_| None)
}

/// What stands in place of a line break in foreign text.
const BREAK: &str = " ⏎ ";

/// As [`plain`], and on one line: a line break in foreign text would begin a line that looks like one of the program's own.
/// Line breaks and the blanks around them become one mark. Those at the end are left out.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let text = text.trim_end_matches(['\n', '\r']);
    if !text.contains(['\n', '\r']) {
        return plain(text);
    }
    let parts = text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
    Cow::Owned(plain(&parts.collect::<Vec<_>>().join(BREAK)).into_owned())
}

/// As [`plain`], but colours stay: exactly the sequences that a [`crate::report::Layout`] writes, and no others.
#[must_use]
pub fn coloured(text: &str) -> Cow<'_, str> {
    const OWN: [&str; 6] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];
    replaced(text, |rest| OWN.iter().find(|code| rest.starts_with(**code)).map(|code| code.len()))
}

/// A document in JSON with these characters written as `\u` escapes: it stays the same document, as they can only stand
/// within its texts.
#[must_use]
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(acts) {
        return Cow::Borrowed(document);
    }
    let mut text = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        if acts(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// A name as it is after a record was read: on one line, and at most [`NAME_LEN`] characters long.
#[must_use]
pub fn name(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\r']) {
        return cut(text, NAME_LEN);
    }
    Cow::Owned(cut(&line(text), NAME_LEN).into_owned())
}

/// At most `limit` characters, the last of them an ellipsis if something was cut.
#[must_use]
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
            Cow::Owned(format!("{kept}…"))
        }
    }
}

/// Replaces what acts, but for what `keeps` says how many bytes of to leave.
fn replaced(text: &str, keeps: impl Fn(&str) -> Option<usize>) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let (mut own, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let kept = keeps(rest).unwrap_or(0);
        if kept > 0 {
            own.push_str(&rest[..kept]);
            rest = &rest[kept..];
            continue;
        }
        own.push(if acts(c) { REPLACEMENT } else { c });
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// ESC with a colour, OSC 52 with BEL, C1 CSI, a carriage return, an override and a tag.
    const NASTY: &str = "a\x1b[31mb\x1b]52;c;cm0=\x07c\u{9b}2Jd\re\u{202e}f\u{e0041}g\n\t";

    #[test]
    fn what_acts_is_replaced_and_lines_stay() {
        assert_eq!(plain(NASTY), "a�[31mb�]52;c;cm0=�c�2Jd�e�f�g\n\t");
        assert!(matches!(plain("order → ü ✓\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn only_colours_that_are_ours_stay() {
        assert_eq!(
            coloured("\x1b[31mred\x1b[0m \x1b[8mhidden\x1b]0;x\x07"),
            "\x1b[31mred\x1b[0m �[8mhidden�]0;x�"
        );
    }

    #[test]
    fn one_line_stays_one() {
        assert_eq!(line("a\r\n  b\n\nc\rd\u{2028}e\n"), "a ⏎ b ⏎ c ⏎ d�e");
        assert!(matches!(line("  a  b\n"), Cow::Borrowed("  a  b")));
        assert_eq!(line("\n\n"), "");
    }

    #[test]
    fn names_are_cut_at_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert!(matches!(name("head a/b"), Cow::Borrowed("head a/b")));
        assert_eq!(name("a\nb"), "a ⏎ b");
        assert_eq!(name(&"ä".repeat(NAME_LEN + 1)).chars().count(), NAME_LEN);
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text: String) {
            prop_assert!(!plain(&text).chars().any(acts));
            prop_assert!(!json(&text).chars().any(acts));
            prop_assert!(!line(&text).chars().any(|c| acts(c) || c == '\n'));
        }

        #[test]
        fn a_document_stays_the_same(text: String) {
            let document = serde_json::to_string(&text).unwrap();
            let back: String = serde_json::from_str(&json(&document)).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
