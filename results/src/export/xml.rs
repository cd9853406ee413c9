//! Elements of XML 1.0 as text, with every foreign text escaped.
//!
//! Characters that XML 1.0 forbids, such as most control characters, are replaced (<https://www.w3.org/TR/xml/#charsets>). Does not
//! live here: which elements there are (`junit`).

use std::fmt::Write as _;

/// An element: attributes, then texts and elements within it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Text within the element. An element has text or children.
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The whole document, with a final line end.
    pub(super) fn document(&self) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, to: &mut String, depth: usize) {
        let (indent, name) = ("  ".repeat(depth), self.name);
        // Writing to a text cannot fail.
        let _ = write!(to, "{indent}<{name}");
        for (name, value) in &self.attributes {
            let _ = write!(to, " {name}=\"{}\"", escaped(value));
        }
        if self.text.is_empty() && self.children.is_empty() {
            to.push_str("/>\n");
            return;
        }
        to.push('>');
        to.push_str(&escaped(&self.text));
        if !self.children.is_empty() {
            to.push('\n');
            self.children.iter().for_each(|child| child.write(to, depth + 1));
            to.push_str(&indent);
        }
        let _ = writeln!(to, "</{name}>");
    }
}

/// A text for an attribute or for the content of an element. Line breaks and tabs are written as numbers, because readers turn them
/// into blanks in an attribute, and a carriage return into a line feed in a text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(c),
        }
    }
    escaped
}
