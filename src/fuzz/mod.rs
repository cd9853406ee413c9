//! Mutated input to everything that reads: records, suites, traces, values of flags, simulated targets, thresholds, goals, and
//! what a server says.
//!
//! What is asked of each case is little: it ends, within a limit, with a result or an error, and never with a panic. A short
//! version runs with the other tests; `scripts/fuzz` runs as many as asked, with a seed that is printed. Lives here: the
//! runner, the seeds of the mutations and what they are fed to. Does not live here: the mutations (`mutate`).

mod mutate;

use crate::{run::job::Job, suite};
use drumpost_core::clock::{Clock, Now};
use drumpost_results::{
    assertion::Assertion,
    compare, export, format,
    goal::Goal,
    model::Record,
    report::{self, Layout, Report},
    suite::{STATE_FILE, Suite},
    verdict::Thresholds,
};
use drumpost_workloads::{
    ArrivalSpec, HeaderSpec, KeySpec, PayloadSpec, Rate, ThinkSpec, arrivals::trace::TraceColumns,
};
use mutate::Mutator;
use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A case that takes longer has hung. It is generous, as tests share their machine.
const LIMIT: Duration = Duration::from_secs(60);

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Feeds `count` mutations of `seeds` to `target`. A case that panics or hangs is kept in a file that is named.
fn fuzz(what: &str, usual: u64, seeds: Vec<String>, target: fn(&str, &Path)) {
    let (seed, count) = (setting("DRUMPOST_FUZZ_SEED", 1), setting("DRUMPOST_FUZZ_COUNT", usual));
    let kept = |case: u64, text: &str| -> PathBuf {
        let path = std::env::temp_dir().join(format!("drumpost-fuzz-{what}-{seed}-{case}"));
        fs::write(&path, text).expect("a temporary file");
        path
    };
    let (begin, begun) = mpsc::sync_channel::<(u64, String)>(0);
    let (end, ended) = mpsc::channel::<Result<(), Box<dyn Any + Send>>>();
    let worker = thread::spawn(move || {
        let folder = tempfile::tempdir().expect("a folder");
        for (_, text) in begun {
            let done = catch_unwind(AssertUnwindSafe(|| target(&text, folder.path())));
            if end.send(done).is_err() {
                return;
            }
        }
    });
    let clock = Clock::start();
    let mut mutator = Mutator::new(seed, seeds);
    let mut longest = (0, 0);
    for case in 0..count {
        let text = mutator.next();
        let from_ns = clock.now_ns();
        begin.send((case, text.clone())).expect("the worker is there");
        match ended.recv_timeout(LIMIT) {
            Ok(Ok(())) => longest = longest.max((clock.now_ns() - from_ns, case)),
            Ok(Err(_)) => {
                panic!("{what}: case {case} of seed {seed} panicked: {}", kept(case, &text).display())
            }
            Err(_) => panic!("{what}: case {case} of seed {seed} hangs: {}", kept(case, &text).display()),
        }
    }
    drop(begin);
    let _ = worker.join();
    let longest = Duration::from_nanos(longest.0);
    crate::output::remark(&format!("fuzz {what}: seed {seed}, {count} cases, the longest took {longest:?}"));
}

fn sample() -> String {
    include_str!("../../results/tests/samples/v1.json").to_owned()
}

/// Read, judged, shown in every way, exported, compared and written again.
fn read_record(text: &str, _: &Path) {
    let Ok(mut record) = format::from_json(text) else { return };
    record.judge(&Thresholds::from_settings(&record.thresholds.clone()));
    shown(&report::table(&record, Some(Path::new("x.json"))));
    shown(&report::hops(&record));
    if record.search.is_some() {
        shown(&report::search(&record, None));
        let _ = report::search_svg(&record);
    }
    let all = export::Selection::default();
    let _ = (export::csv(&record, &all), export::hgrm(&record, &all), export::hlog(&record, &all, 1.5));
    let one = export::Selection {
        dispatch: record.runs.first().map(|run| run.dispatch.clone()),
        trial: Some(0),
        times: export::Times::Confirm(None),
        side: None,
    };
    let _ = (export::csv(&record, &one), export::hgrm(&record, &one), export::hlog(&record, &one, 0.0));
    for format in export::FORMATS {
        let of = export::OfRecord { record: &record, selection: &all, started_s: 1.5, revision: None };
        let _ = export::write(format, &export::Source::record(of));
    }
    compared(&record);
    if let Ok(again) = format::to_json(&record) {
        assert!(format::from_json(&again).is_ok(), "what was written cannot be read");
    }
}

/// A report in every form and at several widths.
fn shown(report: &Report) {
    for layout in [Layout { width: 40, colour: false }, Layout { width: 120, colour: true }] {
        let _ = report.text(layout);
    }
    let _ = report.markdown();
}

fn compared(record: &Record) {
    let options = compare::Options::default();
    let original = format::from_json(&sample()).expect("the sample");
    for (a, b) in [(record, record), (record, &original), (&original, record)] {
        if let Ok(comparison) = compare::compare(a, b, &options) {
            shown(&report::comparison(&comparison, [a, b]));
            let _ = report::json(&comparison);
        }
    }
    if let [first, second, ..] = &record.runs[..] {
        let _ = compare::compare_within(record, &first.dispatch, &second.dispatch, &options);
    }
}

#[test]
fn records() {
    fuzz("records", 150, vec![sample()], read_record);
}

#[test]
fn suites() {
    let seeds = [
        "name = 'x'\n[defaults]\nduration = '50ms'\nscenario = ['stream', 'ping']\n[[matrix]]\nname = 'a'\nbatch = [1, 64]\ndispatch = 'sim'\nload = [{ in-flight = [1, 2] }, { rate = '1k/s', arrivals = 'poisson' }]\n[matrix.set]\nfan-out.subscribers = [1, 2]\n",
        "[[matrix]]\nscenario = 'fan-out'\ndispatch = ['message/crossbeam', 'event/tokio-broadcast']\ncapacity = [64, 4096]\npayload = ['1KiB', 'uniform:1,64']\nset.fan-out.subscribers = 8\n",
    ];
    fuzz("suites", 100, seeds.map(str::to_owned).to_vec(), |text, _| {
        let _ = suite::state_of(&crate::builtin(), text);
    });
}

/// The state of a suite that was begun, as its folder holds it, and what `show` makes of it. A cell has a record, the
/// others have none.
#[test]
fn folders() {
    let text = "[defaults]\nscenario = 'stream'\n[[matrix]]\nname = 'a'\ndispatch = ['message/sim', 'message/crossbeam']\nrate = ['1k/s', '2k/s']\n[[matrix]]\nscenario = 'ping'\ncapacity = [64, 128]\nbatch = 8\n";
    let state = suite::state_of(&crate::builtin(), text).expect("a suite");
    fuzz("folders", 100, vec![state], |text, folder| {
        let record = folder.join("001-stream-message-sim.json");
        if !record.exists() {
            fs::write(&record, sample()).expect("a temporary file");
        }
        fs::write(folder.join(STATE_FILE), text).expect("a temporary file");
        let Ok(suite) = Suite::read(folder) else { return };
        shown(&report::suite(&suite, Some(folder)));
        let _ = drumpost_results::suite::to_json(&suite);
    });
}

#[test]
fn traces() {
    let seeds = [
        "at_s,size,key\n1.5,10,1\n2,20,2\n",
        "\u{feff}TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.99,\"396\",109\n",
        "{\"at_ms\":1,\"size\":3,\"key\":4}\n{\"at_ms\":1e3,\"size\":3,\"key\":4}\n",
        "0.5,63.0\n1e1,64\n",
    ];
    fuzz("traces", 400, seeds.map(str::to_owned).to_vec(), |text, folder| {
        let path = folder.join("trace");
        fs::write(&path, text).expect("a temporary file");
        for columns in ["", "at=TIMESTAMP,size=ContextTokens", "at=at_ms:us,key=none"] {
            let columns =
                if columns.is_empty() { TraceColumns::default() } else { columns.parse().expect("columns") };
            let _ = ArrivalSpec::parse_with(&format!("trace:{}", path.display()), None, &columns);
        }
        let _ = format!("file:{}", path.display()).parse::<PayloadSpec>();
    });
}

/// Values of flags, each read by everything that reads one: what is printed of it is read again as the same.
#[test]
fn values() {
    let seeds = [
        "10s",
        "1h30m",
        "1.5ms",
        "10k/s",
        "6/min",
        "64KiB",
        "2%",
        "none",
        "keep",
        "drop:1ms",
        "uniform:64B,1KiB",
        "lognormal:1KiB,0.5,4KiB",
        "pareto:64B,1.2,1MiB",
        "zipf:1000,1.1",
        "hot:1000,3,0.5",
        "roundrobin:9",
        "ramp:to=20k/s,over=10s,mirror,poisson",
        "steps:20k/s,30k/s,every=5s",
        "bursts:on=100ms,off=900ms",
        "spike:to=50k/s,at=0s,for=500ms",
        "sine:to=20k/s,period=10s",
        "exp:10ms",
        "4x32B",
        "compressible:2",
        "service=exp:1ms,servers=2,stall=1s/60s,loss=3/1000,clock=real",
        "worker@1s/500ms",
        "worker=4",
        "at=TIMESTAMP:ms,size=none",
        "p99<2ms,lost=0,achieved>=99%",
        "message/nats: throughput_per_s>50k,cpu_ns_per_message<3us",
        "lag_share=20%",
        "a.b=1",
    ];
    fuzz("values", 400, seeds.map(str::to_owned).to_vec(), |text, _| {
        fn same<T: std::str::FromStr + ToString>(text: &str) {
            if let Ok(value) = text.parse::<T>() {
                let said = value.to_string();
                let again = said.parse::<T>().map(|value| value.to_string());
                assert_eq!(again.ok(), Some(said), "{text}");
            }
        }
        same::<HeaderSpec>(text);
        same::<KeySpec>(text);
        same::<ThinkSpec>(text);
        same::<TraceColumns>(text);
        same::<Goal>(text);
        same::<Assertion>(text);
        if !text.trim().starts_with("file:") {
            same::<PayloadSpec>(text);
        }
        let rate = Rate::per_s(100.0).ok();
        if let Some(spec) = ArrivalSpec::parse(text, rate).ok().filter(|spec| spec.trace().is_none()) {
            assert_eq!(ArrivalSpec::parse(&spec.to_string(), rate).as_ref(), Ok(&spec), "{text}");
            let _ = spec.mean_per_s(1_000, drumpost_core::load::Extent::Duration(1_000_000_000));
        }
        let mut limits = Thresholds::default();
        for limit in Thresholds::ALL {
            if limits.set(limit.key, text).is_ok() {
                let _ = limits.to_settings();
            }
        }
        let _ = limits.set(text, "1");
    });
}

/// What a server says to a transport that speaks its protocol itself: the same however it is split into reads, and never more
/// memory than its longest message takes.
#[cfg(feature = "nats")]
#[test]
fn frames() {
    use drumpost_dispatch::nats::wire::parse::parse;
    use drumpost_kit::socket::Input;
    fn read(bytes: &[u8], piece_len: usize) -> Vec<String> {
        let (mut buffer, mut all, mut left) = (Input::default(), Vec::new(), bytes);
        let began = buffer.capacity();
        loop {
            match buffer.next(|bytes| parse(bytes, 10_000)) {
                Ok(Some(frame)) => {
                    all.push(format!("{frame:?}"));
                    continue;
                }
                Ok(None) if !left.is_empty() => {}
                end => {
                    all.push(format!("{end:?}"));
                    assert_eq!(buffer.capacity(), began);
                    return all;
                }
            }
            let room = buffer.room();
            let len = piece_len.min(room.len()).min(left.len());
            room[..len].copy_from_slice(&left[..len]);
            buffer.filled(len);
            left = &left[len..];
        }
    }
    let seeds = [
        "INFO {\"server_id\":\"N\",\"version\":\"2.15.2\",\"max_payload\":1048576,\"headers\":true,\"nonce\":\"x\"} \r\nPONG\r\nPING\r\n",
        "MSG run.a.b 1 5\r\nhello\r\nMSG run.a.b 2 run.reply.3 0\r\n\r\n+OK\r\n-ERR 'Slow Consumer'\r\n",
        "HMSG run.a 1 24 29\r\nNATS/1.0\r\na: 1\r\nb: 2\r\n\r\nhello\r\nHMSG run.a 1 re 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    ];
    fuzz("frames", 400, seeds.map(str::to_owned).to_vec(), |text, _| {
        let whole = read(text.as_bytes(), usize::MAX);
        // A line that is not whole is looked through again with each piece.
        for piece_len in if text.len() < 4_000 { [1, 7] } else { [61, 997] } {
            assert_eq!(read(text.as_bytes(), piece_len), whole, "{piece_len}");
        }
    });
}

/// Whole command lines, up to what would be run.
#[test]
fn flags() {
    let seeds = [
        "run stream --dispatch message/sim --sim service=exp:1ms,servers=2,stall=1s/60s --rate 1k/s --duration 1s",
        "run order-authorization --dispatch event/sim --in-flight 3 --count 100 --think exp:1ms --instances payment=2",
        "run fan-out --set fan-out.subscribers=8 --capacity 64 --payload uniform:1,64 --keys zipf:9,1.1 --trials 3",
        "run stream --kill worker@1s/500ms --headers 4x32B --content compressible:2 --drain 1s --batch 64",
        "run stream --link 2ms/5ms,rate=1MB/s --cut 1s/500ms --reset 2s --pause worker#2@1s/500ms --at 1s,true --rate 1k/s",
        "search stream --slo p99<2ms,lost=0 --from 1k/s --to 10k/s --precision 2% --hold 1s",
        "run stream --arrivals ramp:to=20k/s,over=10s --rate 1k/s --threshold lag_share=20% --debt drop:1ms --senders 9",
    ];
    fuzz("flags", 200, seeds.map(str::to_owned).to_vec(), |text, _| {
        use clap::Parser as _;
        // Longer words the system does not hand to a program.
        if text.split(' ').any(|word| word.len() >= 1 << 17) {
            return;
        }
        let words = std::iter::once("drumpost").chain(text.split(' '));
        let Ok(cli) = crate::args::Cli::try_parse_from(words) else { return };
        match cli.command {
            Some(crate::args::Command::Run(args)) => drop(Job::planned(&crate::builtin(), &args.spec)),
            Some(crate::args::Command::Search(args)) => {
                let _ = args.check();
                let _ = Job::planned(&crate::builtin(), &args.measured.run.spec);
            }
            _ => {}
        }
    });
}
