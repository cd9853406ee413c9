//! The table: pairs of runs, one side after the other, and what the pairs say.

use crate::{
    cases::{BATCHES, CASES, Case},
    trial::{Ran, Trial},
};
use drumpost_results::stats::{median, median_interval};

const PAIRS: usize = 31;
const CONFIDENCE: f64 = 0.95;
/// At batch 1 a flow costs several times as much; fewer of them take as long.
const SMALL_BATCH_DIVISOR: u64 = 4;

/// What to print.
pub(crate) struct Request {
    pairs: usize,
    only: Vec<String>,
}

impl Request {
    /// From `--table [WORD...] [--pairs N]`; `None` if no table is asked for.
    pub(crate) fn from_arguments(arguments: &[String]) -> Option<Self> {
        let mut request = Self { pairs: PAIRS, only: Vec::new() };
        arguments.iter().find(|argument| *argument == "--table")?;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--pairs" => request.pairs = arguments.next()?.parse().ok()?,
                "--table" | "--bench" => {}
                word => request.only.push(word.to_owned()),
            }
        }
        Some(request)
    }

    fn wants(&self, case: &Case, batch: usize) -> bool {
        let name = format!("{}, batch {batch}.", case.name);
        self.only.iter().all(|word| name.contains(word))
    }
}

/// Both sides of one pair.
struct Pair {
    by_hand: Ran,
    lanes: Ran,
}

impl Pair {
    fn run(case: &Case, batch: usize) -> Self {
        let flows = if batch == 1 { case.flows / SMALL_BATCH_DIVISOR } else { case.flows };
        let trial = Trial::new(batch, case.payload_len, flows);
        let pair = Self { by_hand: (case.by_hand)(&trial), lanes: (case.lanes)(&trial) };
        let done = |ran: &Ran| (ran.flows, ran.hops, ran.faults);
        assert_eq!(done(&pair.by_hand), (flows, pair.lanes.hops, 0), "{}", case.name);
        assert_eq!(done(&pair.lanes), (flows, pair.lanes.hops, 0), "{}", case.name);
        pair
    }
}

fn per_hop_ns(ran: &Ran) -> f64 {
    ran.elapsed_ns as f64 / ran.hops as f64
}

/// Prints the table, a row as soon as it is measured.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(request: &Request) {
    println!(
        "| flow | batch | in flight | by hand, ns a hop | lanes, ns a hop | ratio | 95 % of the ratio | above, ns a hop | 95 % |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --- | --: | --- |");
    for case in &CASES {
        for batch in BATCHES.into_iter().filter(|batch| request.wants(case, *batch)) {
            println!("{}", row(case, batch, request.pairs));
        }
    }
    println!("\nMedians of {} pairs of runs; intervals by order statistics.", request.pairs);
}

fn row(case: &Case, batch: usize, pairs: usize) -> String {
    Pair::run(case, batch);
    let pairs: Vec<Pair> = (0..pairs).map(|_| Pair::run(case, batch)).collect();
    let over = |figure: &dyn Fn(&Pair) -> f64| Over::new(pairs.iter().map(figure).collect());
    let by_hand = over(&|pair| per_hop_ns(&pair.by_hand));
    let lanes = over(&|pair| per_hop_ns(&pair.lanes));
    let ratio = over(&|pair| pair.lanes.elapsed_ns as f64 / pair.by_hand.elapsed_ns as f64);
    let above = over(&|pair| per_hop_ns(&pair.lanes) - per_hop_ns(&pair.by_hand));
    format!(
        "| {} | {batch} | {} | {:.1} | {:.1} | {:.3} | {:.3} to {:.3} | {:.1} | {:.1} to {:.1} |",
        case.name,
        Trial::new(batch, 0, 1).in_flight,
        by_hand.median,
        lanes.median,
        ratio.median,
        ratio.low,
        ratio.high,
        above.median,
        above.low,
        above.high,
    )
}

/// A figure over all pairs: its median, and between which order statistics the true one lies.
struct Over {
    median: f64,
    low: f64,
    high: f64,
}

impl Over {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = median(&values).unwrap_or(f64::NAN);
        let ranks = median_interval(values.len(), CONFIDENCE).map(|interval| (interval.low, interval.high));
        let (low, high) = ranks.unwrap_or((1, values.len()));
        Self { median: middle, low: values[low - 1], high: values[high - 1] }
    }
}
