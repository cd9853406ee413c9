//! `drumpost selftest`: known answers on the user's own machine. It has targets with known answers in virtual time,
//! pacing in real time, and facts about the host.
//!
//! The formulas are in `oracle`. A row of the table is made in `row`. `rig` runs command lines.

mod busy;
mod host;
mod real;
mod rig;
mod row;
mod simulated;
mod table;

use crate::{Exit, args::SelftestArgs, environment, exit::usage, output};
use drumpost_core::registry::Registry;
use rig::Rig;
use table::Report;

/// Measures, prints, and fails if a row does.
pub(crate) fn selftest(registry: &Registry, args: &SelftestArgs) -> anyhow::Result<Exit> {
    if registry.transport("sim").is_none() || registry.scenario("stream").is_none() {
        return Err(usage(
            "selftest needs the transport sim and the scenario stream, which this build lacks",
        ));
    }
    let rig = Rig { registry, seed: args.seed, slower: args.slower };
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    if !args.real {
        rows.extend(simulated::rows(&rig)?);
    }
    if !args.only_virtual {
        let (found, seen) = real::rows(&rig)?;
        rows.extend(found);
        rows.extend(host::rows(&rig, Some(seen))?);
    }
    if environment::is_debug_build() {
        notes.push("this is a debug build: it runs fewer flows, and its real-time rows say little".into());
    }
    if output::remarks_to_terminal() {
        output::progress("");
    }
    let report = Report::new(args.seed, rows, notes);
    output::result(&if args.json { report.json()? } else { report.text(output::layout()) })?;
    Ok(if report.has_failed() { Exit::Failed } else { Exit::Ok })
}
