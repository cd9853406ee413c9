//! Exports read back, by the reader of the hdrhistogram crate and line by line.

mod lines;

use super::*;
use crate::model::{Distribution, Point, Series};
use crate::sample;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

fn only(dispatch: &str, trial: Option<u32>) -> Selection {
    Selection { dispatch: Some(dispatch.into()), trial, ..Selection::default() }
}

/// Tag, if any, begin and length in ms, maximum in ms, histogram.
type Interval = (Option<String>, u128, u128, f64, Histogram<u64>);

/// What the reader of another implementation makes of a log.
fn read(log: &str) -> Vec<Interval> {
    let entries = IntervalLogIterator::new(log.as_bytes()).map(|entry| entry.expect("a line it understands"));
    let intervals = entries.filter_map(|entry| match entry {
        LogEntry::Interval(interval) => Some(interval),
        _ => None,
    });
    intervals
        .map(|interval| {
            let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
            let histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            let tag = interval.tag().map(|tag| tag.as_str().to_owned());
            let (from, length) = (interval.start_timestamp().as_millis(), interval.duration().as_millis());
            (tag, from, length, interval.max(), histogram)
        })
        .collect()
}

#[test]
fn an_interval_log_is_read_back_by_another_implementation() {
    let record = sample::record();
    let log = hlog(&record, &Selection::default(), 1_763_719_200.0).unwrap();
    assert!(log.contains("#[StartTime: 1763719200.000 (seconds since epoch), 2026-11-21T10:00:00Z]\n"));
    let intervals = read(&log);
    assert_eq!(intervals.len(), 2 * 3 * 5);
    assert!(intervals.is_sorted_by_key(|(_, from, ..)| *from));
    let trial = &record.runs[0].trials[1];
    let first = intervals
        .iter()
        .find(|(tag, from, ..)| tag.as_deref() == Some("message/crossbeam") && *from == 1_000)
        .unwrap();
    assert_eq!((first.2, first.3), (100, trial.series.points()[0].response.max_ns().unwrap() as f64 / 1e6));
    // All intervals of a dispatch add up to what its series holds.
    for run in &record.runs[..2] {
        let mut all = Histogram::<u64>::new(2).unwrap();
        let own = intervals.iter().filter(|(tag, ..)| tag.as_ref() == Some(&run.dispatch));
        own.for_each(|(.., histogram)| all.add(histogram).unwrap());
        let series = series_of(run);
        assert_eq!(all.len(), series.count());
        assert_eq!(all.value_at_quantile(0.99), series.histogram().value_at_quantile(0.99));
    }
}

/// Readers look at lines without a tag unless they are told one, and some fail if there are none.
#[test]
fn an_interval_log_of_one_dispatch_has_no_tags() {
    let record = sample::record();
    let mut one = record.clone();
    one.runs.truncate(1);
    for log in [
        hlog(&record, &only("message/crossbeam", None), 0.0).unwrap(),
        hlog(&one, &Selection::default(), 0.0).unwrap(),
    ] {
        let intervals = read(&log);
        assert_eq!(intervals.len(), 3 * 5);
        assert!(intervals.iter().all(|(tag, ..)| tag.is_none()) && !log.contains("Tag"), "{log}");
    }
    let log = hlog(&record, &Selection::default(), 0.0).unwrap();
    assert!(log.contains("\n#[Tags: message/crossbeam, event/crossbeam; "), "{log}");
    assert!(read(&log).iter().all(|(tag, ..)| tag.is_some()));
}

/// The same percentile of the same record, by three formats: whoever lays them side by side is told how far they may be apart.
#[test]
fn an_interval_log_says_how_exact_it_is() {
    let mut record = sample::record();
    record.runs.truncate(1);
    for (at, trial) in (1..).zip(&mut record.runs[0].trials) {
        let parts = (1..=5u64).map(|part| Distribution::of((0..2_000).map(|n| part * at * 731 + n * n)));
        let parts: Vec<Distribution> = parts.collect();
        let point = |(at, times): (u64, &Distribution)| {
            Point { at_ns: at * 1_000, ..Point::default() }.with_response(times)
        };
        trial.series = Series::from_points((1..).zip(&parts).map(point).collect());
        trial.response = Distribution::merged(&parts);
    }
    let whole = record.runs[0].response();
    let log = hlog(&record, &Selection::default(), 0.0).unwrap();
    assert!(
        log.contains("\n#[Precision: 2 significant digits, percentiles are at most 0.781 % too high; "),
        "{log}"
    );
    let mut all = Histogram::<u64>::new(2).unwrap();
    for (.., histogram) in read(&log) {
        assert_eq!(histogram.sigfig(), 2);
        all.add(&histogram).unwrap();
    }
    assert_eq!(all.len(), whole.count());
    for quantile in [0.5, 0.9, 0.99] {
        let ratio = all.value_at_quantile(quantile) as f64 / whole.quantile_ns(quantile).unwrap() as f64;
        assert!((1.0 - 0.000_977..=1.007_81).contains(&ratio), "{quantile}: {ratio}");
    }
    record.runs[0].trials[0].series = Series::default();
    let log = hlog(&record, &Selection::default(), 0.0).unwrap();
    assert!(log.contains("% too high; 3 where a line is a whole trial]\n"), "{log}");
    record.runs[0].trials.iter_mut().for_each(|trial| trial.series = Series::default());
    let log = hlog(&record, &Selection::default(), 0.0).unwrap();
    assert!(
        log.contains("\n#[Precision: 3 significant digits, percentiles are at most 0.1 % too high]\n"),
        "{log}"
    );
    assert!(read(&log).iter().all(|(.., histogram)| histogram.sigfig() == 3));
}

#[test]
fn a_trial_without_intervals_is_one_line() {
    let mut record = sample::record();
    record.runs[0].trials.iter_mut().for_each(|trial| trial.series = Series::default());
    let intervals = read(&hlog(&record, &only("message/crossbeam", Some(2)), 0.0).unwrap());
    assert_eq!(intervals.len(), 1);
    let (_, from, length, _, histogram) = &intervals[0];
    assert_eq!((*from, *length), (2_000, 500));
    assert_eq!(histogram.len(), record.runs[0].trials[2].response.count());
}

#[test]
fn a_percentile_distribution_has_the_classic_form() {
    let record = sample::record();
    let text = hgrm(&record, &only("message/crossbeam", None)).unwrap();
    let times = record.runs[0].response();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("       Value     Percentile TotalCount 1/(1-Percentile)"));
    assert_eq!(lines.next(), Some(""));
    let rows: Vec<Vec<f64>> = lines
        .by_ref()
        .take_while(|line| !line.starts_with("#["))
        .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
        .collect();
    for row in &rows[..rows.len() - 1] {
        assert!((row[3] - 1.0 / (1.0 - row[1])).abs() <= 0.01 * row[3], "{row:?}");
        assert_eq!(row[2], times.histogram().count_between(0, row[0] as u64) as f64, "{row:?}");
        assert!(row[2] / times.count() as f64 >= row[1] - 1e-9, "{row:?}");
    }
    let last = rows.last().unwrap();
    assert_eq!((last.len(), last[1], last[2]), (3, 1.0, times.count() as f64));
    assert!(rows.is_sorted_by(|a, b| a[0] <= b[0] && a[2] <= b[2]));
    assert!(text.contains("#[Mean    =") && text.contains("Total count    ="), "{text}");
    assert!(
        text.trim_end().ends_with("#[Unit    = ns, response time of order-authorization message/crossbeam]")
    );
}

/// What the Java implementation (HdrHistogram 2.2.2) prints for the values 1 to 1,000, each once.
#[test]
fn a_percentile_distribution_is_that_of_the_java_implementation() {
    let trial = Trial { response: Distribution::of(1..=1_000), ..Trial::default() };
    let run = Run { dispatch: "message/a".into(), trials: vec![trial], ..Run::default() };
    let text = hgrm(&Record { runs: vec![run], ..Record::default() }, &Selection::default()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let java = include_str!("../../tests/samples/java-1-to-1000.hgrm");
    assert_eq!(lines[..lines.len() - 2], java.lines().collect::<Vec<_>>()[..lines.len() - 2]);
}

#[test]
fn a_series_as_csv_has_a_line_per_interval() {
    let mut record = sample::record();
    record.runs[0].dispatch = "message/a,b".into();
    let text = csv(&record, &Selection { trial: Some(1), ..Selection::default() }).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 5);
    let columns = lines[0].split(',').count();
    assert!(lines.iter().any(|line| line.starts_with("\"message/a,b\",1,0,100000000,1,")), "{text}");
    let line =
        lines.iter().find(|line| line.starts_with("event/crossbeam,1,100000000,200000000,1,")).unwrap();
    assert_eq!(line.split(',').count(), columns);
    let point = &record.runs[1].trials[1].series.points()[1];
    assert!(
        line.ends_with(&format!(",{},900,4,0,,,,,,,,,,0,,,,ok", point.response_max_ns.unwrap())),
        "{line}"
    );
}

/// Lines and fields as a reader of the format finds them.
fn fields(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv_core::Reader::new();
    let (mut input, mut lines) = (text.as_bytes(), Vec::new());
    loop {
        let (mut output, mut ends) = ([0; 4_096], [0; 64]);
        let (result, read, _, count) = reader.read_record(input, &mut output, &mut ends);
        input = &input[read..];
        match result {
            csv_core::ReadRecordResult::Record => {
                let begins = [0].iter().chain(&ends).zip(&ends[..count]);
                let field = |(begin, end): (&usize, &usize)| {
                    String::from_utf8_lossy(&output[*begin..*end]).into_owned()
                };
                lines.push(begins.map(field).collect());
            }
            csv_core::ReadRecordResult::End => return lines,
            // The end of the text is told by an empty one.
            csv_core::ReadRecordResult::InputEmpty if input.is_empty() => {}
            other => panic!("{other:?} in {text}"),
        }
    }
}

#[test]
fn a_series_as_csv_is_read_back_by_another_implementation() {
    let mut record = sample::record();
    let name = "message/\"a\",\nb";
    record.runs[0].dispatch = name.into();
    let lines = fields(&csv(&record, &Selection::default()).unwrap());
    let columns = &lines[0];
    let at = |name: &str| columns.iter().position(|column| column == name).unwrap();
    // One line more is that of a trial that was refused.
    assert_eq!((lines.len(), columns.len()), (1 + 2 * 3 * 5 + 1, 31));
    assert!(lines.iter().all(|line| line.len() == columns.len()), "{lines:?}");
    for run in &record.runs[..2] {
        let own: Vec<_> = lines[1..].iter().filter(|line| line[at("dispatch")] == run.dispatch).collect();
        let points = run.trials.iter().flat_map(|trial| trial.series.points());
        assert_eq!(own.len(), 3 * 5);
        for (point, line) in points.zip(own) {
            let number = |name: &str| line[at(name)].parse::<u64>().ok();
            let read = ["to_ns", "ended", "response_count", "response_ns_p99", "response_ns_max"].map(number);
            let count = Some(point.response.count());
            let is =
                [Some(point.at_ns), Some(point.ended), count, point.response_p99_ns, point.response_max_ns];
            assert_eq!(read, is, "{line:?}");
        }
    }
}

/// What the whole trial came to stands at the end of each of its lines, each count in its own column.
#[test]
fn a_series_as_csv_has_what_was_lost_refused_and_not_confirmed() {
    let mut record = sample::record();
    let audit = &mut record.runs[1].trials[1].audit;
    (audit.lost, audit.unknown, audit.dead) = (21, 22, 26);
    (audit.confirmed, audit.refused, audit.unconfirmed) = (Some(23), Some(24), Some(25));
    let text = csv(&record, &only("event/crossbeam", Some(1))).unwrap();
    let (head, lines) = text.split_once('\n').unwrap();
    let names = "trial_lost,trial_unknown,trial_confirmed,trial_refused,trial_unconfirmed,";
    assert!(head.contains(names), "{head}");
    assert!(
        lines.lines().count() > 1
            && lines.lines().all(|line| line.ends_with(",21,22,23,24,25,,,,,,,26,,,,ok")),
        "{text}"
    );
}

fn times(text: &str) -> Selection {
    Selection { times: text.parse().unwrap(), ..Selection::default() }
}

#[test]
fn confirm_times_are_a_distribution_of_their_own() {
    let run = sample::confirming();
    let record = Record { runs: vec![run.clone()], ..sample::record() };
    let counted = |text: &str| {
        let hgrm = hgrm(&record, &times(text)).unwrap();
        let total = hgrm.lines().find_map(|line| line.split_once("Total count    =")).unwrap().1;
        (total.trim_matches([' ', ']']).parse::<u64>().unwrap(), hgrm.lines().last().unwrap().to_owned())
    };
    assert_eq!(counted("confirm:payment.authorize").0, 40_000);
    let (all, unit) = counted("confirm");
    assert_eq!(
        (all, unit.as_str()),
        (80_000, "#[Unit    = ns, confirm time of order-authorization message/broker]")
    );
    assert!(counted("hop:payment.authorize").1.contains("hop time to payment.authorize of order"));
    assert_eq!(counted("service").0, run.service().count());
    assert_eq!(counted("lag").0, run.lag().count());
    assert_eq!(counted("hop").0, run.hops().iter().map(|hop| hop.time.count()).sum::<u64>());
    // An interval log has a line for each trial, whole and exact.
    let log = hlog(&record, &times("confirm:payment.authorize.reply"), 0.0).unwrap();
    assert!(
        log.starts_with("#[Confirm times to payment.authorize.reply of order-authorization-42 in ns"),
        "{log}"
    );
    assert!(log.contains("3 significant digits"), "{log}");
    let intervals = read(&log);
    assert_eq!(intervals.len(), 2);
    let own = &run.trials[1].confirms[1].time;
    assert_eq!((intervals[1].4.len(), intervals[1].4.max()), (own.count(), own.histogram().max()));
}

#[test]
fn confirm_times_that_are_not_there_say_why() {
    let record = Record { runs: vec![sample::confirming()], ..sample::record() };
    let error = hgrm(&record, &times("confirm:orders")).unwrap_err().to_string();
    assert!(error.contains("no confirm time to orders"), "{error}");
    assert!(error.ends_with("there are those of payment.authorize, payment.authorize.reply"), "{error}");
    let error = hlog(&sample::record(), &times("confirm"), 0.0).unwrap_err().to_string();
    assert!(error.contains("the transport confirms nothing"), "{error}");
    let error = csv(&record, &times("confirm")).unwrap_err().to_string();
    assert!(error.contains("leave --times confirm out"), "{error}");
}

#[test]
fn a_series_as_csv_has_unconfirmed_messages_and_confirm_times() {
    let mut run = sample::confirming();
    let mut points = run.trials[0].series.points().to_vec();
    (points[0].unconfirmed, points[0].confirm_p99_ns) = (Some(61), Some(62));
    (points[0].server_ready, points[0].server_unacknowledged) = (Some(63), Some(64));
    // A server that tells only what is stored.
    points[1].server_ready = Some(65);
    run.trials[0].series = Series::from_points(points);
    let confirm = Distribution::merged(run.trials[0].confirms.iter().map(|confirms| &confirms.time));
    let [p50, p99] = [0.5, 0.99].map(|quantile| confirm.quantile_ns(quantile).unwrap());
    let record = Record { runs: vec![run], ..sample::record() };
    let lines = fields(&csv(&record, &Selection::default()).unwrap());
    assert_eq!(
        lines[0][20..24],
        ["unconfirmed", "confirm_ns_p99", "trial_confirm_ns_p50", "trial_confirm_ns_p99"]
    );
    assert_eq!(lines[1][20..24], ["61".to_owned(), "62".to_owned(), p50.to_string(), p99.to_string()]);
    assert_eq!(lines[2][20..22], ["", ""]);
    assert_eq!(lines[0][24..26], ["server_ready", "server_unacknowledged"]);
    assert_eq!(
        (&lines[1][24..26], &lines[2][24..26]),
        (&["63".to_owned(), "64".into()][..], &["65".to_owned(), String::new()][..])
    );
}

#[test]
fn a_series_as_csv_has_the_backlog_of_its_trial() {
    let mut record = sample::record();
    record.runs[0].trials[0].backlog = Some(crate::model::Backlog {
        is_reached: true,
        joined_ns: Some(1_000),
        waiting: 71,
        level_ns: Some(1_072),
        ..Default::default()
    });
    let lines = |trial| fields(&csv(&record, &only("message/crossbeam", Some(trial))).unwrap());
    assert_eq!(
        lines(0)[0][26..],
        ["trial_dead", "trial_backlog", "trial_backlog_joined_ns", "trial_catch_up_ns", "trial_status"]
    );
    assert!(lines(0)[1..].iter().all(|line| line[27..] == ["71", "1000", "72", "ok"]));
    assert!(lines(1)[1..].iter().all(|line| line[27..] == ["", "", "", "ok"]), "it had none");
}

#[test]
fn what_is_not_there_is_named() {
    let record = sample::record();
    let error = |selection: &Selection| csv(&record, selection).unwrap_err().to_string();
    assert!(
        error(&only("event/flume", None))
            .contains("`event/flume` in this record; it has message/crossbeam, ")
    );
    // Refused, so without figures.
    assert!(error(&only("message/nats", None)).contains("no dispatch `message/nats`"));
    assert!(
        error(&only("event/crossbeam", Some(3)))
            .starts_with("trial 3 has no figures (numbers begin at 0); trials with figures: 0")
    );
    let several = hgrm(&record, &Selection::default()).unwrap_err().to_string();
    assert!(several.contains("--dispatch") && several.contains("event/crossbeam"), "{several}");
    assert_eq!(csv(&Record::default(), &Selection::default()), Err(ExportError::Empty));
}

fn series_of(run: &Run) -> Distribution {
    let mut all = Distribution::coarse();
    run.trials.iter().for_each(|trial| all.merge(&trial.series.response()));
    all
}
