//! The table: pairs of runs, one side after the other, and the statistics of the pairs.

use crate::{
    cases::{BATCHES, CASES, Case},
    trial::{Ran, Trial, in_flight},
};
use drumpost_results::stats::{median, median_interval};
use std::sync::Arc;

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

/// What a hop cost on both sides of one pair, in ns.
struct Pair {
    by_hand_ns: f64,
    lanes_ns: f64,
    /// Messages that were received before they were sent, by the clocks of two processors.
    negative: u64,
}

impl Pair {
    fn run(case: &Case, batch: usize) -> Self {
        let flows = if batch == 1 { case.flows / SMALL_BATCH_DIVISOR } else { case.flows };
        let side = |run: fn(&Trial) -> Ran| {
            let stopwatch = Arc::default();
            let ran = run(&Trial::new(batch, case.payload_len, flows).timed(&stopwatch));
            assert_eq!((ran.flows, ran.faults), (flows, 0), "{}", case.name);
            let elapsed_ns = ran.elapsed_ns as f64 / flows as f64;
            let flow_ns = if case.on_one_thread { stopwatch.flow_ns() } else { elapsed_ns };
            (flow_ns * flows as f64 / ran.hops as f64, ran)
        };
        let ((by_hand_ns, by_hand), (lanes_ns, lanes)) = (side(case.by_hand), side(case.lanes));
        assert_eq!(by_hand.hops, lanes.hops, "{}: both sides do the same", case.name);
        Self { by_hand_ns, lanes_ns, negative: by_hand.negative + lanes.negative }
    }
}

/// Prints the table, a row as soon as it is measured.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(request: &Request) {
    println!(
        "| flow | batch | in flight | by hand, ns a hop | lanes, ns a hop | ratio | 95 % of the ratio | above, ns a hop | 95 % |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --- | --: | --- |");
    let mut negative = 0;
    for case in &CASES {
        for batch in BATCHES.into_iter().filter(|batch| request.wants(case, *batch)) {
            let (row, row_negative) = row(case, batch, request.pairs);
            println!("{row}");
            negative += row_negative;
        }
    }
    println!(
        "\nMedians of {} pairs of runs, one side after the other; intervals by order statistics. On one thread: that \
         thread's processor time; on threads: elapsed time.",
        request.pairs
    );
    if negative > 0 {
        println!(
            "{negative} times of messages were negative: the clocks of the processors differ by some ns."
        );
    }
}

/// A row, and how many times of messages in it were negative.
fn row(case: &Case, batch: usize, pairs: usize) -> (String, u64) {
    Pair::run(case, batch);
    let pairs: Vec<Pair> = (0..pairs).map(|_| Pair::run(case, batch)).collect();
    let negative = pairs.iter().map(|pair| pair.negative).sum();
    let over = |figure: &dyn Fn(&Pair) -> f64| Over::new(pairs.iter().map(figure).collect());
    let by_hand = over(&|pair| pair.by_hand_ns);
    let lanes = over(&|pair| pair.lanes_ns);
    let ratio = over(&|pair| pair.lanes_ns / pair.by_hand_ns);
    let above = over(&|pair| pair.lanes_ns - pair.by_hand_ns);
    let row = format!(
        "| {} | {batch} | {} | {:.1} | {:.1} | {:.3} | {:.3} to {:.3} | {:.1} | {:.1} to {:.1} |",
        case.name,
        in_flight(batch),
        by_hand.median,
        lanes.median,
        ratio.median,
        ratio.low,
        ratio.high,
        above.median,
        above.low,
        above.high,
    );
    (row, negative)
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
