//! Charts in a page: drawn once for wide and once for narrow screens, with a legend that a script may switch lines with.
//!
//! Does not live here: lines and axes (`draw`), and the script (`page.js`).

use super::super::draw::{Frame, Plot, Strips, Svg, key, plot as draw_plot, strips as draw_strips, swatch};
use super::escape::html;

/// A plot. `number` is its place in the data of the page.
pub(super) fn plot(plot: &Plot, number: usize) -> String {
    let wide = if plot.is_half { Frame::HALF } else { Frame::FULL };
    let picture = |frame: Frame, class: &str| {
        let mut svg = Svg::default();
        draw_plot(&mut svg, plot, frame);
        // The title names the chart for people who hear the page. The figures are in the tables.
        framed(&svg.finish(), (frame.width, frame.height), class, &plot.title)
    };
    let half = if plot.is_half { " half" } else { "" };
    format!(
        "<figure class=\"plot{half}\" data-plot=\"{number}\">\n{}{}{}{}{}</figure>\n",
        caption(&plot.title, &plot.about),
        if plot.is_half { String::new() } else { legend([plot].into_iter()) },
        picture(wide, "wide"),
        picture(Frame::NARROW, "narrow"),
        notes(&plot.notes)
    )
}

/// The ratios of pairs. `number` is their place in the data of the page.
pub(super) fn strips(strips: &Strips, number: usize) -> String {
    let picture = |frame: Frame, class: &str| {
        let mut svg = Svg::default();
        let height = draw_strips(&mut svg, strips, frame);
        framed(&svg.finish(), (frame.width, height), class, &strips.title)
    };
    format!(
        "<figure class=\"plot\" data-strips=\"{number}\">\n{}{}{}{}</figure>\n",
        caption(&strips.title, &strips.about),
        picture(Frame::FULL, "wide"),
        picture(Frame::NARROW, "narrow"),
        notes(&strips.notes)
    )
}

/// A sentence in the place of a plot.
pub(super) fn missing(title: &str, sentence: &str) -> String {
    format!("<figure class=\"missing\">\n{}<p>{}</p>\n</figure>\n", caption(title, ""), html(sentence))
}

fn framed(svg: &str, (width, height): (f64, f64), class: &str, title: &str) -> String {
    format!(
        "<svg class=\"chart {class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n{svg}</svg>\n",
        html(title)
    )
}

fn caption(title: &str, about: &str) -> String {
    if title.is_empty() {
        return String::new();
    }
    let about = if about.is_empty() { String::new() } else { format!(" <span>{}</span>", html(about)) };
    format!("<figcaption><b>{}</b>{about}</figcaption>\n", html(title))
}

/// The lines of some plots, each once.
pub(super) fn legend<'a>(plots: impl Iterator<Item = &'a Plot>) -> String {
    let mut lines: Vec<(String, usize, &str)> = Vec::new();
    for plot in plots {
        for line in &plot.lines {
            let key = key(plot.family, line.style);
            if !lines.iter().any(|(known, ..)| *known == key) {
                lines.push((key, line.style, &line.name));
            }
        }
    }
    let item = |(key, style, name): &(String, usize, &str)| {
        format!("<li data-key=\"{key}\">{}<span>{}</span></li>\n", swatch(*style), html(name))
    };
    format!("<ul class=\"legend\">\n{}</ul>\n", lines.iter().map(item).collect::<String>())
}

fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("<p class=\"hint\">{}</p>\n", html(note))).collect()
}
