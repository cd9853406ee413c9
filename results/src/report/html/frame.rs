//! What stands around the content of a page: the policy that forbids every load, the styles, the script, and the data.
//!
//! Does not live here: the content (`blocks`, `table`, `drawing`).

use super::super::draw::{colours, page_style};
use super::escape::html;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// With this policy a browser refuses to load anything from anywhere, which also shows that the page needs nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The whole document. `json` is escaped already.
pub(super) fn page(title: &str, body: &str, json: &str) -> String {
    let (light, dark) = (colours(false), colours(true));
    let (title, charts) = (html(title), page_style());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"drumpost\">\n<title>{title} · drumpost</title>\n<style>\n\
         :root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{charts}{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n\
         <script type=\"application/json\" id=\"data\">{json}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
