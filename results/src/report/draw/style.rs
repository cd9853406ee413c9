//! Colours and dashes of drawings. A page changes the colours with its scheme. A picture in a file is always light.
//!
//! Does not live here: the page's own style (`html`).

/// How many colours and dashes there are. Their numbers share no factor of three, so that 24 lines all look different.
pub(super) const COLOURS: usize = 8;
pub(super) const DASHES: usize = 6;

const RULES: &str = include_str!("chart.css");

/// A name of a colour, and the colour in a light and in a dark page. The eight of lines follow Okabe and Ito: people who do not
/// tell red from green tell them apart. Some are darker than theirs, for lines on white paper.
const NAMES: [(&str, &str, &str); 19] = [
    ("ink", "#1c2024", "#e8eaed"),
    ("soft", "#596168", "#a3abb3"),
    ("paper", "#ffffff", "#15181b"),
    ("panel", "#f6f7f8", "#1d2125"),
    ("rule", "#c9ced3", "#444b52"),
    ("grid", "#e9ebed", "#2a2f34"),
    ("good", "#1a7f37", "#57c774"),
    ("warning", "#8a5a00", "#e0b13c"),
    ("bad", "#b3261e", "#ff8a80"),
    ("zone", "#eef1f4", "#252b31"),
    ("floor", "#cfd6dd", "#3d464f"),
    ("c0", "#0072b2", "#5ab8ee"),
    ("c1", "#d55e00", "#ff9950"),
    ("c2", "#00805f", "#3fcf9f"),
    ("c3", "#7b3294", "#cda0ee"),
    ("c4", "#94680a", "#e5c04a"),
    ("c5", "#3f474f", "#d3d8dd"),
    ("c6", "#b83280", "#f28fc4"),
    ("c7", "#3b8fc4", "#a5d5ff"),
];

/// The variables of a scheme, to stand in a rule.
pub(in crate::report) fn colours(is_dark: bool) -> String {
    NAMES
        .iter()
        .map(|(name, light, dark)| format!("--{name}:{};", if is_dark { dark } else { light }))
        .collect()
}

/// The rules of a drawing in a page, whose colours are variables.
pub(in crate::report) fn page_style() -> &'static str {
    RULES
}

/// The rules of a picture in a file. Not every viewer knows variables.
pub(in crate::report) fn picture_style() -> String {
    NAMES
        .iter()
        .fold(RULES.to_owned(), |rules, (name, light, _)| rules.replace(&format!("var(--{name})"), light))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_colours_and_no_variables() {
        assert!(!picture_style().contains("var("), "{}", picture_style());
    }

    /// Lines and texts are seen on their paper: a contrast of 3 for lines, and of 4.5 for texts (WCAG 2.1).
    #[test]
    fn colours_are_seen_on_their_paper() {
        let channel = |hex: &str| {
            let share = f64::from(u8::from_str_radix(hex, 16).unwrap()) / 255.0;
            if share <= 0.03928 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let light = |colour: &str| {
            0.2126 * channel(&colour[1..3])
                + 0.7152 * channel(&colour[3..5])
                + 0.0722 * channel(&colour[5..7])
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (light(a), light(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        let (_, white, black) = NAMES[2];
        for (name, day, night) in NAMES {
            let least = match name {
                "ink" | "soft" | "good" | "warning" | "bad" => 4.5,
                _ if name.starts_with('c') => 3.0,
                _ => continue,
            };
            assert!(contrast(day, white) >= least, "{name} on white: {}", contrast(day, white));
            assert!(contrast(night, black) >= least, "{name} on black: {}", contrast(night, black));
        }
    }
}
