//! One run of one side, for tools that count instead of taking time: `valgrind --tool=callgrind` counts instructions, which
//! no other work on the machine changes. The difference of two runs of different length has no set-up in it.

use crate::{
    cases::{BATCHES, CASES, Case},
    trial::{Ran, Trial},
};

/// What to run.
pub(crate) struct Request {
    by_hand: bool,
    flows: u64,
    only: Vec<String>,
}

impl Request {
    /// From `--once lanes|hand [WORD...] [--flows N]`; `None` if no single run is asked for.
    pub(crate) fn from_arguments(arguments: &[String]) -> Option<Self> {
        let mut arguments = arguments.iter().skip_while(|argument| *argument != "--once").skip(1);
        let by_hand = arguments.next()? == "hand";
        let mut request = Self { by_hand, flows: 10_000, only: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--flows" => request.flows = arguments.next()?.parse().ok()?,
                "--bench" => {}
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

/// Makes the runs that were asked for and prints how many hops each had.
#[expect(clippy::print_stdout, reason = "the count is what the command is for")]
pub(crate) fn run(request: &Request) {
    for case in &CASES {
        for batch in BATCHES.into_iter().filter(|batch| request.wants(case, *batch)) {
            let run = if request.by_hand { case.by_hand } else { case.lanes };
            let Ran { hops, faults, .. } = run(&Trial::new(batch, case.payload_len, request.flows));
            assert_eq!(faults, 0, "{}", case.name);
            println!("{}, batch {batch}: {hops} hops", case.name);
        }
    }
}
