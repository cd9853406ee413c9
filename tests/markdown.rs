//! Tests of `--markdown`: the same report as the text, on stdout, by each command that prints one.

use crate::support::{Done, Place};
use std::fs;

const RUN: &str = "stream --dispatch message/sim,event/sim --sim service=exp:1ms --rate 500/s --arrivals poisson --duration 10s --trials 2";

/// Cells of the table rows of a document, headings included and the lines below them left out.
fn rows(markdown: &str) -> Vec<Vec<String>> {
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| :--");
    let cells = |line: &str| {
        let inner = line.trim_start_matches("| ").trim_end_matches(" |");
        inner.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    markdown.lines().filter(is_row).map(cells).collect()
}

/// A report in Markdown, and none of the text that it stands for.
fn report(done: Done, code: i32, begins: &str) -> String {
    let done = done.with_code(code);
    assert!(done.stdout.starts_with(begins), "{}", done.stdout);
    assert!(!done.stdout.contains('\x1b') && !done.stdout.contains(" response ─"), "{}", done.stdout);
    done.stdout
}

#[test]
fn run_and_show_print_the_same_markdown() {
    let place = Place::new();
    let run = place.run(&format!("run {RUN} --markdown --out r.json"));
    assert!(run.stderr.contains("trial"), "progress goes to stderr: {}", run.stderr);
    let printed =
        report(run, 0, "## stream\n\nopen load, 2 trials of 10.0 s, seed 1\n\n| verdict | dispatch |");
    let rows = rows(&printed);
    assert_eq!(rows[0][2..4], ["throughput flows", "response p50"], "{printed}");
    assert!(rows[1..3].iter().all(|row| row.len() == rows[0].len() && row[0] == "valid"), "{printed}");
    assert!(printed.contains("\n* **saved** `r.json`\n"), "{printed}");
    assert_eq!(report(place.run("show r.json --markdown"), 0, "## stream\n"), printed);
    let hops = report(place.run("show r.json --hops --markdown"), 0, &printed);
    assert!(hops[printed.len()..].starts_with("\n### message/sim\n"), "{hops}");
    // The record is that of the same run with another output.
    place.run(&format!("run {RUN} --json --out again.json")).with_code(0);
    let saved = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(saved("r.json"), saved("again.json"));
}

#[test]
fn a_run_that_failed_has_its_code_and_its_reason() {
    let place = Place::new();
    let lost = place.run("run stream --sim service=fixed:10us,loss=1/100 --rate 1k/s --count 2k --markdown");
    let lost = report(lost, 5, "## stream\n");
    assert!(lost.contains(" lost** |") && lost.contains("\n- the audit failed: "), "{lost}");
}

#[test]
fn compare_prints_markdown() {
    let place = Place::new();
    place.run(&format!("run {RUN} --out r.json")).with_code(0);
    let within = place.run("compare r.json --between message/sim,event/sim --markdown");
    let markdown = report(within, 0, "## inconclusive\n\n- **A** ");
    let rows = rows(&markdown);
    assert_eq!(rows[0][..5], ["verdict", "metric", "A", "B", "B/A"], "{markdown}");
    assert!(rows.len() == 5 && rows.iter().all(|row| row.len() == rows[0].len()), "{markdown}");
    report(
        place.run("compare r.json --between message/sim,event/sim --strict --markdown"),
        7,
        "## inconclusive\n",
    );
}

#[test]
fn search_prints_markdown_with_its_chart() {
    let place = Place::new();
    let line = "search stream --sim service=exp:1ms --dispatch message/sim --slo p99<10ms --from 100/s --to 900/s --precision 20% \
                --repeats 1 --duration 60s --out s.json";
    let text = place.run(line);
    let done = place.run(&format!("{line} --markdown"));
    assert!(done.stderr.contains("bracket"), "holds are told on stderr: {}", done.stderr);
    let markdown = report(done, text.code, "## search\n\nhighest rate that keeps p99 \\< 10 ms for stream");
    let charts: Vec<&str> = markdown.split("```").collect();
    assert!(charts.len() == 3 && charts[1].starts_with("text\n      p99  ● kept"), "{markdown}");
    assert!(rows(&markdown).iter().any(|row| row[0] == "**answer**"), "{markdown}");
    assert_eq!(report(place.run("show s.json --markdown"), 0, "## search\n"), markdown);
}

#[test]
fn suite_prints_markdown_with_a_column_for_each_difference() {
    let place = Place::new();
    let suite = "[defaults]\nduration = '1s'\ntrials = 1\nsim = 'service=exp:1ms'\n[[matrix]]\nname = 'queue'\nscenario = 'stream'\n\
                 dispatch = 'message/sim'\nload = [{ in-flight = [1, 2] }]\npayload = ['64B', '1KiB']\n";
    fs::write(place.path("s.toml"), suite).unwrap();
    let done = place.run("suite s.toml --out out --markdown");
    let code = done.code;
    let markdown = report(done, code, "## s\n\n4 cells, 4 trials, seed 1\n");
    assert!(markdown.contains("\n### queue\n\nstream\n"), "{markdown}");
    let rows = rows(&markdown);
    assert_eq!(rows[0][..4], ["verdict", "dispatch", "load", "payload"], "{markdown}");
    assert!(rows.len() == 5 && rows.iter().all(|row| row.len() == rows[0].len()), "{markdown}");
    assert_eq!(report(place.run("show out --markdown"), 0, "## s\n"), markdown);
}

#[test]
fn markdown_and_json_exclude_each_other() {
    let place = Place::new();
    for line in
        ["run stream", "show r.json", "compare r.json r.json", "search stream --slo p99<1ms", "suite s.toml"]
    {
        let refused = place.run(&format!("{line} --markdown --json")).with_code(2);
        assert!(refused.stderr.contains("cannot be used with"), "{line}: {}", refused.stderr);
    }
}

/// A password with characters that Markdown escapes: it is hidden before it is escaped, as it no longer looks like one then.
#[test]
fn secrets_and_markup_of_a_record_are_not_shown() {
    let place = Place::new();
    place.run(&format!("run {RUN} --out r.json")).with_code(0);
    let record = fs::read_to_string(place.path("r.json")).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    record["partial"] = true.into();
    record["partial_reason"] = "no answer from nats://me:pa*ss_w0rd@host:4222 | <b>@all</b>\n# x".into();
    fs::write(place.path("r.json"), record.to_string()).unwrap();
    let shown =
        report(place.run("show r.json --markdown"), 0, "> [!CAUTION]\n> * **partial** no answer from nats:");
    let reason = shown.lines().nth(1).unwrap();
    assert!(!shown.contains("w0rd") && reason.contains("\\*\\*\\*"), "{reason}");
    assert!(reason.ends_with("host:4222 \\| \\<b>@&#8203;all\\</b> ⏎ \\# x"), "{reason}");
}
