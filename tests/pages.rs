//! What the pages say of files and ports is true.

use drumpost_core::options::Grammar;
use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Texts in back-quotes that look like a path of this repository.
fn paths(page: &str) -> impl Iterator<Item = &str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let is_path =
            text.contains('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        let first = text.split('/').next().unwrap_or_default();
        is_path && root().join(first).is_dir()
    })
}

#[test]
fn every_path_that_a_page_names_exists() {
    let mut count = 0;
    for name in ["ARCHITECTURE.md", "README.md", "METHODOLOGY.md", "docs/brokers.md", "docs/servers.md"] {
        // Built and fetched, so not in a fresh clone.
        for path in paths(&page(name)).filter(|path| !path.starts_with("target/")) {
            assert!(root().join(path).exists(), "{name} names {path}");
            count += 1;
        }
    }
    assert!(count > 100, "only {count} paths were found");
}

/// The rows of "Where do I change ..." name a path of the repository, and then files beside it, or beside a folder that it is in.
#[test]
fn what_a_row_of_the_architecture_names_is_there() {
    let page = page("ARCHITECTURE.md");
    let rows = page.split("## Where do I change").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut count = 0;
    for row in rows.lines().filter(|line| line.starts_with("| ")) {
        let mut beside: Option<&Path> = None;
        for name in row.split('`').skip(1).step_by(2).flat_map(spread) {
            let is_whole = name.split('/').next().is_some_and(|first| root().join(first).exists());
            let is_file = ["rs", "toml", "md"].iter().any(|end| name.ends_with(&format!(".{end}")));
            let is_path = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_whole && is_path && name.contains('/') {
                assert!(root().join(&*name).exists(), "{name} is not there: {row}");
                beside = Some(Path::new(String::leak(name)));
            } else if is_file && is_path {
                let above = beside.unwrap_or(Path::new("")).ancestors();
                let found = above.map(|folder| root().join(folder).join(&name)).any(|path| path.exists());
                assert!(found, "{name} is not beside {beside:?}: {row}");
            }
            count += 1;
        }
    }
    assert!(count > 250, "only {count} names were found");
}

/// `a/{b,c}/d` names `a/b/d` and `a/c/d`.
fn spread(name: &str) -> Vec<String> {
    let parts = name.split_once('{').and_then(|(head, rest)| Some((head, rest.split_once('}')?)));
    match parts {
        Some((head, (middle, tail))) => {
            middle.split(',').flat_map(|part| spread(&format!("{head}{part}{tail}"))).collect()
        }
        None => vec![name.to_owned()],
    }
}

#[test]
fn the_architecture_lists_every_package() {
    let page = page("ARCHITECTURE.md");
    let manifest: toml::Table = self::page("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    assert!(members.len() > 5);
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        assert!(
            page.contains(&format!("| `{member}/` | `drumpost-")),
            "{member} has no row in ARCHITECTURE.md"
        );
    }
}

/// The servers of `compose.yaml` listen where drumpost looks for them.
#[test]
fn servers_of_the_compose_file_have_the_ports_of_default_addresses() {
    let compose = page("compose.yaml");
    for entry in drumpost::builtin().transports.iter().filter(|entry| entry.needs_server) {
        let option = entry.address().unwrap();
        assert!(matches!(option.grammar, Grammar::Url(_)), "{}", entry.name);
        let Some(port) = option.default.and_then(|url| url.rsplit_once(':')?.1.parse::<u16>().ok()) else {
            continue;
        };
        assert!(compose.contains(&format!("127.0.0.1:{port}:{port}")), "{} at {port}", entry.name);
    }
}

/// Whoever pastes the program of the page has the one that is tested.
#[test]
fn the_page_about_gates_shows_the_example() {
    let shown = page("docs/gate.md");
    let shown = shown.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let example = page("examples/quotes/src/main.rs");
    let program = example.split("\n#[cfg(test)]").next().unwrap();
    assert_eq!(shown, program, "docs/gate.md and examples/quotes/src/main.rs differ");
}
