//! What the noise floors of a row come to in words. The figures themselves are a column of its table.
//!
//! Does not live here: how a floor is measured (`compare::Control`).

use crate::compare::{Gate, Row};

/// What the floors are, which verdicts stand although the change is smaller than its floor, and where the floor is above the margin. Empty
/// without a floor.
pub(super) fn sentences(row: &Row) -> Vec<String> {
    let mut known: Vec<(&Gate, f64)> =
        row.gates.iter().filter_map(|gate| Some((gate, gate.floor?))).collect();
    let labels = |is_so: &dyn Fn(&Gate, f64) -> bool| {
        let of = known.iter().filter(|(gate, floor)| is_so(gate, *floor));
        of.map(|(gate, _)| gate.metric.label()).collect::<Vec<_>>().join(", ")
    };
    let below = labels(&|gate, _| gate.is_below_floor());
    let above = labels(&|gate, floor| gate.margin.is_some_and(|margin| is_above(gate, floor, margin)));
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let text = |gate: &Gate| gate.floor_text().unwrap_or_default();
    let told = match (known.first(), known.last()) {
        (Some((least, _)), Some((most, _))) if text(least) == text(most) => text(most),
        (Some((least, _)), Some((most, _))) => {
            let [from, to] = [least, most].map(|gate| format!("{} ({})", text(gate), gate.metric.label()));
            format!("{from} to {to}")
        }
        _ => return Vec::new(),
    };
    let mut sentences = vec![format!(
        "noise floor: a change of {told} would be found in four of five such comparisons; a smaller one less often"
    )];
    if !below.is_empty() {
        sentences.push(format!(
            "{below}: the change is smaller than the noise floor. The verdict stands: at most 1 of 100 comparisons gives a false \
             verdict, however large the floor is. Another comparison may well miss such a change"
        ));
    }
    if !above.is_empty() {
        sentences.push(format!(
            "{above}: the noise floor is above the margin, so a change as small as the margin is often missed here"
        ));
    }
    sentences
}

/// A margin is a ratio, and the floor of the throughput is how much less it is.
fn is_above(gate: &Gate, floor: f64, margin: f64) -> bool {
    gate.metric.worsening_of(floor) > margin.ln_1p()
}
