//! A frame as an SVG picture with colours on a dark ground, the same in every viewer and font.
//!
//! Bars, dots and lines become shapes, so that they meet without gaps. Text is placed and stretched to its columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::frame::{columns, rows};

const CELL_WIDTH: f64 = 8.4;
const CELL_HEIGHT: f64 = 18.0;
const FONT_SIZE: f64 = 14.0;
/// From the top of a cell to the line the letters stand on.
const BASELINE: f64 = 13.5;
const MARGIN: f64 = 14.0;
const FONTS: &str = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const GROUND: &str = "#12151a";
const INK: &str = "#d5d9e0";

/// The sixteen named colours, in their ANSI order.
const NAMED: [&str; 16] = [
    "#1c2026", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf", //
    "#5c6370", "#ff7b86", "#b5e08c", "#ffd68a", "#7cc4ff", "#dd9cf0", "#6fd3df", "#ffffff",
];

/// A buffer as an SVG document.
#[must_use]
pub fn to_svg(buffer: &Buffer) -> String {
    let width = f64::from(buffer.area.width) * CELL_WIDTH + 2.0 * MARGIN;
    let height = f64::from(buffer.area.height) * CELL_HEIGHT + 2.0 * MARGIN;
    let mut shapes = Shapes::default();
    let mut texts = String::new();
    for (y, row) in rows(buffer).enumerate() {
        let mut run: Option<Run> = None;
        for (x, cell) in row {
            let look = Look::of(cell);
            if let Some(ground) = &look.ground {
                shapes.add(ground, 1.0, x, y, &[[0.0, 0.0, 8.0 * columns(cell) as f64, 8.0]]);
            }
            match shape(cell.symbol()) {
                Some((rectangles, opacity)) => {
                    shapes.add(&look.ink, opacity * look.opacity(), x, y, &rectangles);
                    Run::close(&mut run, &mut texts, y);
                }
                None => Run::extend(&mut run, &mut texts, x, y, cell, look),
            }
        }
        Run::close(&mut run, &mut texts, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"the drumpost dashboard\">\n<rect width=\"{w}\" height=\"{h}\" rx=\"8\" fill=\"{GROUND}\"/>\n\
         {shapes}<g font-family=\"{FONTS}\" font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">\n{texts}</g>\n</svg>\n",
        w = number(width),
        h = number(height),
        shapes = shapes.to_svg(),
    )
}

/// The style of a cell as the picture has it.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    ink: String,
    ground: Option<String>,
    bold: bool,
    dim: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (mut ink, mut ground) = (colour(cell.fg), colour(cell.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            (ink, ground) = (ground.or(Some(GROUND.to_owned())), ink.or(Some(INK.to_owned())));
        }
        let (bold, dim) = (cell.modifier.contains(Modifier::BOLD), cell.modifier.contains(Modifier::DIM));
        Self { ink: ink.unwrap_or_else(|| INK.to_owned()), ground, bold, dim }
    }

    fn opacity(&self) -> f64 {
        if self.dim { 0.6 } else { 1.0 }
    }
}

/// Neighbouring characters of one look, with single spaces between words.
struct Run {
    x: usize,
    columns: usize,
    text: String,
    look: Look,
}

impl Run {
    fn extend(run: &mut Option<Self>, texts: &mut String, x: usize, y: usize, cell: &Cell, look: Look) {
        let symbol = cell.symbol();
        let blank = symbol.trim().is_empty();
        let continues = run.as_ref().is_some_and(|r| r.look == look && !(blank && r.text.ends_with(' ')));
        if !continues {
            Self::close(run, texts, y);
            if blank {
                return;
            }
        }
        let run = run.get_or_insert_with(|| Self { x, columns: 0, text: String::new(), look });
        run.text.push_str(if blank { " " } else { symbol });
        run.columns += columns(cell);
    }

    fn close(run: &mut Option<Self>, texts: &mut String, y: usize) {
        let Some(Self { x, columns, text, look }) = run.take() else { return };
        let shown = text.trim_end();
        let width = (columns - (text.len() - shown.len())) as f64 * CELL_WIDTH;
        let (x, y) = (MARGIN + x as f64 * CELL_WIDTH, MARGIN + y as f64 * CELL_HEIGHT + BASELINE);
        let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
        let opacity = if look.dim { " opacity=\"0.6\"" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            texts,
            "<text x=\"{}\" y=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}{opacity}>{}</text>",
            number(x),
            number(y),
            number(width),
            look.ink,
            escape(shown),
        );
    }
}

/// Rectangles in eighths of a cell: left, top, right, bottom.
type Rectangle = [f64; 4];

/// Filled rectangles by colour and opacity: one path each, however many cells.
#[derive(Default)]
struct Shapes {
    by_fill: BTreeMap<(String, u32), Vec<Rectangle>>,
}

impl Shapes {
    fn add(&mut self, fill: &str, opacity: f64, x: usize, y: usize, rectangles: &[Rectangle]) {
        let all = self.by_fill.entry((fill.to_owned(), (opacity * 100.0) as u32)).or_default();
        let (x, y) = (x as f64 * 8.0, y as f64 * 8.0);
        for [left, top, right, bottom] in rectangles {
            let moved = [left + x, top + y, right + x, bottom + y];
            match all.last_mut() {
                Some(last) if last[2] == moved[0] && last[1] == moved[1] && last[3] == moved[3] => {
                    last[2] = moved[2]
                }
                _ => all.push(moved),
            }
        }
    }

    fn to_svg(&self) -> String {
        let mut svg = String::new();
        for ((fill, percent), rectangles) in &self.by_fill {
            let opacity = if *percent < 100 { format!(" opacity=\"0.{percent:02}\"") } else { String::new() };
            let _ = write!(svg, "<path fill=\"{fill}\"{opacity} d=\"");
            for [left, top, right, bottom] in rectangles {
                let (x, y) = (MARGIN + left * CELL_WIDTH / 8.0, MARGIN + top * CELL_HEIGHT / 8.0);
                let (w, h) = ((right - left) * CELL_WIDTH / 8.0, (bottom - top) * CELL_HEIGHT / 8.0);
                let _ =
                    write!(svg, "M{} {}h{}v{}h-{}z", number(x), number(y), number(w), number(h), number(w));
            }
            svg.push_str("\"/>\n");
        }
        svg
    }
}

/// What a bar, dot or line character looks like, with its opacity; `None` for every other character.
fn shape(symbol: &str) -> Option<(Vec<Rectangle>, f64)> {
    const FULL: Rectangle = [0.0, 0.0, 8.0, 8.0];
    const THIN: (f64, f64) = (3.75, 4.25);
    let mut chars = symbol.chars();
    let (c, None) = (chars.next()?, chars.next()) else { return None };
    let code = u32::from(c);
    let rectangles = match c {
        '▀' => vec![[0.0, 0.0, 8.0, 4.0]],
        '▁'..='█' => vec![[0.0, f64::from(0x2588 - code), 8.0, 8.0]],
        '▉'..='▏' => vec![[0.0, 0.0, f64::from(0x2590 - code), 8.0]],
        '░' | '▒' | '▓' => vec![FULL],
        '▖'..='▟' => quadrants(code),
        '\u{2801}'..='\u{28ff}' => dots(code - 0x2800),
        '╾' => vec![[0.0, 3.4, 4.0, 4.6], [4.0, THIN.0, 8.0, THIN.1]],
        '─' => vec![[0.0, THIN.0, 8.0, THIN.1]],
        '━' => vec![[0.0, 3.4, 8.0, 4.6]],
        '│' => vec![[3.5, 0.0, 4.5, 8.0]],
        '└' | '╰' => vec![[3.5, 0.0, 4.5, THIN.1], [4.5, THIN.0, 8.0, THIN.1]],
        '┌' | '╭' => vec![[3.5, THIN.0, 4.5, 8.0], [4.5, THIN.0, 8.0, THIN.1]],
        '┐' | '╮' => vec![[0.0, THIN.0, 3.5, THIN.1], [3.5, THIN.0, 4.5, 8.0]],
        '┘' | '╯' => vec![[0.0, THIN.0, 3.5, THIN.1], [3.5, 0.0, 4.5, THIN.1]],
        _ => return None,
    };
    let opacity = match c {
        '░' => 0.5,
        '▒' => 0.65,
        '▓' => 0.8,
        _ => 1.0,
    };
    Some((rectangles, opacity))
}

fn quadrants(code: u32) -> Vec<Rectangle> {
    /// Bits: upper left 1, upper right 2, lower left 4, lower right 8; from U+2596 on.
    const FILLED: [u32; 10] = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14];
    let bits = FILLED.get(code.wrapping_sub(0x2596) as usize).copied().unwrap_or(0);
    let quarter = |i: u32| [f64::from(i % 2) * 4.0, f64::from(i / 2) * 4.0];
    (0..4)
        .filter(|i| bits & (1 << i) != 0)
        .map(quarter)
        .map(|[left, top]| [left, top, left + 4.0, top + 4.0])
        .collect()
}

fn dots(bits: u32) -> Vec<Rectangle> {
    const PLACES: [(f64, f64); 8] =
        [(2.0, 1.0), (2.0, 3.0), (2.0, 5.0), (6.0, 1.0), (6.0, 3.0), (6.0, 5.0), (2.0, 7.0), (6.0, 7.0)];
    let dot = |(x, y): (f64, f64)| [x - 1.2, y - 0.6, x + 1.2, y + 0.6];
    PLACES.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, place)| dot(*place)).collect()
}

fn colour(colour: Color) -> Option<String> {
    let named = |i: usize| Some(NAMED[i].to_owned());
    match colour {
        Color::Reset => None,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Indexed(i @ 0..=15) => named(usize::from(i)),
        Color::Indexed(i @ 16..=231) => {
            let channel = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let i = i - 16;
            Some(format!("#{:02x}{:02x}{:02x}", channel(i / 36), channel(i / 6 % 6), channel(i % 6)))
        }
        Color::Indexed(i) => {
            let grey = 8 + 10 * (i - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
    }
}

/// Text that XML takes as text; characters that XML cannot hold become a replacement character.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if drumpost_results::plain::acts(c) => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most two decimals, none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn svg_of(text: &str) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 1));
        buffer.set_string(0, 0, text, Style::new());
        to_svg(&buffer)
    }

    fn unescape(text: &str) -> String {
        let plain =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
        plain.replace("&amp;", "&")
    }

    #[test]
    fn runs_of_one_look_are_merged_and_stand_in_their_columns() {
        let svg = svg_of("ab cd   ef");
        assert!(svg.contains("<text x=\"14\" y=\"27.5\" textLength=\"42\""), "{svg}");
        assert!(svg.contains(">ab cd</text>"), "{svg}");
        assert!(svg.contains("<text x=\"81.2\" y=\"27.5\" textLength=\"16.8\""), "{svg}");
        assert!(svg.contains(">ef</text>"), "{svg}");
    }

    #[test]
    fn bars_and_lines_are_shapes_and_neighbours_are_one() {
        let svg = svg_of("──── ▁█");
        assert!(svg.contains("M14 22.44h33.6v1.12h-33.6z"), "{svg}");
        assert!(!svg.contains("<text"), "{svg}");
    }

    #[test]
    fn every_drawn_character_of_the_blocks_has_a_shape_inside_its_cell() {
        let blocks = ('▀'..='▏').chain('░'..='▓').chain('▖'..='▟').chain('\u{2801}'..='\u{28ff}');
        for c in blocks {
            let (rectangles, _) = shape(&c.to_string()).unwrap();
            assert!(!rectangles.is_empty(), "{c}");
            for [left, top, right, bottom] in rectangles {
                assert!(0.0 <= left && left < right && right <= 8.0, "{c}");
                assert!(0.0 <= top && top < bottom && bottom <= 8.0, "{c}");
            }
        }
        assert!(shape("a").is_none() && shape("").is_none());
    }

    #[test]
    fn colours_have_their_terminal_values() {
        assert_eq!(colour(Color::Indexed(45)), Some("#00d7ff".to_owned()));
        assert_eq!(colour(Color::Indexed(231)), Some("#ffffff".to_owned()));
        assert_eq!(colour(Color::Indexed(255)), Some("#eeeeee".to_owned()));
        assert_eq!(colour(Color::Rgb(1, 2, 255)), Some("#0102ff".to_owned()));
        assert_eq!(colour(Color::Reset), None);
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_markup_and_reads_back(text in "[ -~äöü✓]{0,60}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let entities = ["amp;", "lt;", "gt;", "quot;", "apos;"];
            for (at, _) in escaped.match_indices('&') {
                prop_assert!(entities.iter().any(|e| escaped[at + 1..].starts_with(e)));
            }
            prop_assert_eq!(unescape(&escaped), text);
        }

        #[test]
        fn any_text_makes_tags_that_close(text in "\\PC{0,40}") {
            let svg = svg_of(&text);
            prop_assert_eq!(svg.matches("<text ").count(), svg.matches("</text>").count());
            prop_assert!(svg.lines().all(|line| line.starts_with('<') && line.ends_with('>')));
        }
    }
}
