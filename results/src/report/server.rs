//! CPU time and memory of servers on this machine: a small table under the table of a run, and the sentences around it.
//!
//! Does not live here: the figures themselves (`model::ServerFigures`).

use super::block::{Block, Cell, Column, Fact, Facts, Table};
use super::names;
use crate::model::{Point, Run, Server, ServerFigures};
use crate::units;

/// For each run with a server: its CPU time per message, the cores it used, its memory, the throughput per core, and the most
/// messages that waited there, if it tells. The
/// facts above name the processes that were found. A fact below says if server and load share cores.
pub(super) fn figures(runs: &[&Run]) -> Vec<Block> {
    let with: Vec<(&Run, &Server, ServerFigures)> = runs.iter().filter_map(|run| last(run)).collect();
    if with.is_empty() {
        return Vec::new();
    }
    let mut told: Vec<String> = Vec::new();
    for (_, server, _) in &with {
        let sentence = found(server);
        if !told.contains(&sentence) {
            told.push(sentence);
        }
    }
    let mut blocks = Vec::from_iter(Facts::block("server", told.into_iter().map(Fact::from).collect()));
    if with.iter().any(|(_, _, figures)| figures.cores.is_some()) {
        blocks.push(Block::Table(table(&with)));
    }
    let mut further: Vec<Fact> = connections(&with).map(Fact::from).into_iter().collect();
    if with.iter().any(|(_, server, figures)| server.shares_cores && figures.cores.is_some()) {
        further.push("server and load share the cores of this machine".to_owned().into());
    }
    further.extend(with.iter().filter_map(|(run, ..)| course(run)).map(Fact::from));
    blocks.extend(Facts::block("", further));
    blocks
}

/// The server of the last counted trial, and the figures over all counted trials.
fn last(run: &Run) -> Option<(&Run, &Server, ServerFigures)> {
    let server = run.counted_trials().filter_map(|trial| trial.server.as_ref()).last()?;
    Some((run, server, ServerFigures::of(run)?))
}

/// `nats-server 2.15.2: process 123 (nats-server), which listens on 127.0.0.1:4222`
fn found(server: &Server) -> String {
    let product = if server.product.is_empty() { "the server" } else { &server.product };
    let version = server.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
    if let Some(missing) = &server.missing {
        return format!("{product}{version}: {missing}");
    }
    let each = |process: &crate::model::Process| format!("{} ({})", process.pid, process.name);
    let processes: Vec<String> = server.processes.iter().map(each).collect();
    let word = if processes.len() == 1 { "process" } else { "processes" };
    format!("{product}{version}: {word} {}, found by {}", processes.join(", "), server.found_by)
}

/// `5 connections to the server`, or those of each run where they differ.
fn connections(with: &[(&Run, &Server, ServerFigures)]) -> Option<String> {
    let known = || with.iter().filter_map(|(run, _, figures)| Some((run, figures.connections?)));
    let (_, first) = known().next()?;
    if known().all(|(_, count)| count == first) {
        let word = if first == 1 { "connection" } else { "connections" };
        return Some(format!("{} {word} to the server", units::count(first)));
    }
    let each = known().map(|(run, count)| format!("{} {}", names::run(run), units::count(count)));
    Some(format!("connections to the server: {}", each.collect::<Vec<_>>().join(", ")))
}

/// The most messages that waited at the server in an interval, with those that were handed out if it tells these; `None` if it tells nothing.
fn waiting(run: &Run) -> Option<u64> {
    run.counted_trials().flat_map(|trial| trial.series.points()).filter_map(Point::at_server).max()
}

/// How many messages waited at the server in each interval of the last counted trial, as bars of eight heights;
/// `None` if it does not tell, and if nothing waited.
fn course(run: &Run) -> Option<String> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let trial = run.counted_trials().last()?;
    let depths: Vec<u64> = trial.series.points().iter().filter_map(Point::at_server).collect();
    let most = depths.iter().copied().max().filter(|most| *most > 0)?;
    let bars: String =
        depths.iter().map(|depth| BARS[(*depth as f64 / most as f64 * 7.0) as usize]).collect();
    Some(format!(
        "{}, waiting at the server over time: {bars} (0 to {})",
        names::run(run),
        units::count(most)
    ))
}

fn table(with: &[(&Run, &Server, ServerFigures)]) -> Table {
    let tells = with.iter().any(|(run, ..)| waiting(run).is_some());
    let headings = ["CPU per message", "cores", "memory", "peak", "flows per core", "waiting, most"];
    let headings = headings.into_iter().filter(|heading| tells || *heading != "waiting, most");
    let columns = headings.map(|heading| Column::right("server", heading));
    let mut table = Table::new(0, 1, std::iter::once(Column::left("dispatch")).chain(columns).collect());
    for (run, _, figures) in with {
        let text = |value: Option<String>| Cell::from(value.unwrap_or_else(|| units::NONE.to_owned()));
        let mut row = vec![
            names::run(run).into_owned().into(),
            text(figures.cpu_ns_per_message.map(|ns| units::duration(ns.round() as u64))),
            text(figures.cores.map(|cores| format!("{cores:.2}"))),
            text(figures.memory_bytes.map(units::size)),
            text(figures.memory_peak_bytes.map(units::size)),
            text(figures.flows_per_core_s.map(units::rate)),
        ];
        if tells {
            row.push(text(waiting(run).map(units::count)));
        }
        table.row(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Distribution, Series, Trial};

    #[test]
    fn what_waited_over_time_is_a_row_of_bars() {
        let run = |depths: &[Option<u64>]| {
            let point = |ready: &Option<u64>| Point {
                server_ready: *ready,
                server_unacknowledged: ready.map(|_| 1),
                ..Point::default()
            };
            let series = Series::from_points(depths.iter().map(point).collect());
            let trial = Trial { series, response: Distribution::of([1]), ..Trial::default() };
            Run { dispatch: "message/a".into(), trials: vec![trial], ..Run::default() }
        };
        let said = course(&run(&[Some(0), Some(99), None, Some(6_999), Some(3_499)]));
        assert_eq!(said.as_deref(), Some("message/a, waiting at the server over time: ▁▁█▄ (0 to 7,000)"));
        assert_eq!((course(&run(&[None, None])), course(&run(&[]))), (None, None));
    }
}
