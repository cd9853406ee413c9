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
    for name in ["ARCHITECTURE.md", "README.md", "METHODOLOGY.md", "docs/brokers.md"] {
        // Built and fetched, so not in a fresh clone.
        for path in paths(&page(name)).filter(|path| !path.starts_with("target/")) {
            assert!(root().join(path).exists(), "{name} names {path}");
            count += 1;
        }
    }
    assert!(count > 100, "only {count} paths were found");
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
