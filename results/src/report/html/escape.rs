//! Any text as HTML or as JSON in a page, in which it is that text and nothing else.
//!
//! Does not live here: characters that act on the order of the text around them (`plain`), which are replaced first.

use crate::plain;

/// A text within an element, or within a quoted attribute.
pub(super) fn html(foreign: &str) -> String {
    let line = plain::line(foreign);
    let mut safe = String::with_capacity(line.len() * 9 / 8);
    for c in line.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not allowed in HTML in any form.
            '\u{fdd0}'..='\u{fdef}' => safe.push(char::REPLACEMENT_CHARACTER),
            c if (c as u32) & 0xfffe == 0xfffe => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

/// The same, and what is between two back-quotes is code. Only texts of this package have them.
pub(super) fn with_code(own: &str) -> String {
    let parts = own.split('`').enumerate();
    parts
        .map(|(i, part)| if i % 2 == 1 { format!("<code>{}</code>", html(part)) } else { html(part) })
        .collect()
}

/// A JSON document within a `script` element: nothing in it ends the element or begins a comment. It stays the same document, as
/// these characters can only stand within its texts.
pub(super) fn json(document: &str) -> String {
    plain::json(document).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
