//! Reports on records, suites and comparisons: what is said in them, and how it looks.
//!
//! What is said is decided once, as a [`Report`] of blocks (`block`): `run` for a record with the files for its parts, `hops`,
//! `search` with its `chart`, `suite`, `comparison`, `proof`, `assertions`, `several` for records side by side, `history` for saved runs over time, and `page` for what only a page shows. `names` says what runs and rows are called, `floors` what noise floors come to.
//! Three renderers turn blocks into a document: `text` for a terminal, `markdown`, and `html` for a browser. `draw` draws charts,
//! for `html` and for the picture of a search (`svg`). `json` is the document of a comparison for scripts. Does not live here:
//! printing. Every function returns a report or a text.

mod assertions;
mod audit;
mod backlog;
mod block;
mod chart;
mod comparison;
mod draw;
mod floors;
mod history;
mod hops;
mod host;
mod html;
mod json;
mod markdown;
mod names;
mod page;
mod proof;
mod run;
mod search;
mod server;
mod settings;
mod several;
mod suite;
mod svg;
mod text;

pub use assertions::{assertions, assertions_json, json_with_assertions, with_assertions};
pub use block::Report;
pub use comparison::comparison;
pub use history::{history, history_json, trend};
pub use hops::hops;
pub use json::json;
pub use proof::{proof, proof_json};
pub use run::table;
pub use search::{search, search_headline, search_line};
pub use several::several;
pub use suite::suite;
pub use svg::search_svg;
pub use text::{Layout, hanging};

/// The columns that a text takes in a terminal. Wide and combining characters occur only in foreign names and are ignored.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// A settings key as it is shown: without the unit it ends in, because values carry their unit, and an option by the name that `--set`
/// takes. Records have `option.` before that name.
fn without_unit(key: &str) -> &str {
    let key = key.strip_prefix("option.").unwrap_or(key);
    ["_ns", "_bytes", "_per_s"].iter().find_map(|unit| key.strip_suffix(unit)).unwrap_or(key)
}

#[cfg(test)]
mod tests;
