//! What the noise floors of a row come to in words. The figures themselves are a column of its table.
//!
//! Does not live here: how a floor is measured (`compare::Control`).

use crate::compare::{Gate, Row};

/// The smallest change that the pairs can show, and where that is more than the margin. Empty without a floor.
pub(super) fn sentences(row: &Row) -> Vec<String> {
    let mut known: Vec<(&Gate, f64)> =
        row.gates.iter().filter_map(|gate| Some((gate, gate.floor?))).collect();
    let above: Vec<&str> = known
        .iter()
        .filter(|(gate, floor)| gate.margin.is_some_and(|margin| is_above(gate, *floor, margin)))
        .map(|(gate, _)| gate.metric.label())
        .collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let text = |gate: &Gate| gate.floor_text().unwrap_or_default();
    let told = match (known.first(), known.last()) {
        (Some((least, _)), Some((most, _))) if text(least) == text(most) => text(most),
        (Some((least, _)), Some((most, _))) => {
            let [from, to] = [least, most].map(|gate| format!("{} ({})", text(gate), gate.metric.label()));
            format!("between {from} and {to}")
        }
        _ => return Vec::new(),
    };
    let mut sentences = vec![format!("noise floor: the smallest change that these pairs can show is {told}")];
    if !above.is_empty() {
        let above = above.join(", ");
        sentences.push(format!(
            "{above}: the noise floor is above the margin, so a change as small as the margin cannot be seen here"
        ));
    }
    sentences
}

/// A margin is a ratio, and the floor of the throughput is how much less it is.
fn is_above(gate: &Gate, floor: f64, margin: f64) -> bool {
    gate.metric.worsening_of(floor) > margin.ln_1p()
}
