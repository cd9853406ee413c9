//! What of the environment is passed on to the build of a revision.
//!
//! drumpost is often started with `cargo run`. Cargo and rustup then set variables that say which toolchain runs here, and with them every
//! revision would be built by that one: `RUSTUP_TOOLCHAIN` outranks the `rust-toolchain.toml` of a revision, so a change of the compiler would
//! never be measured. So a revision is built without them, but with what a user has set on purpose. Does not live here: variables of git
//! (`work_tree`), and the build.

use std::ffi::{OsStr, OsString};

/// The command that builds. Cargo sets it to its own file for all that it starts.
const CARGO: &str = "CARGO";
const TOOLCHAIN: &str = "RUSTUP_TOOLCHAIN";
/// How rustup came to its toolchain. Older versions do not say it.
const SOURCE: &str = "RUSTUP_TOOLCHAIN_SOURCE";
/// Sources that are a user's wish: the variable above, `cargo +NAME`, and `rustup override`. The others are a file of the repository, and the
/// default.
const ASKED_FOR: [&str; 3] = ["env", "cli", "path-override"];
/// Set by rustup for all that it starts, in every version.
const BY_RUSTUP: &str = "RUST_RECURSION_COUNT";
/// Set by `cargo run` for the program that it starts, with further variables that begin as the last two.
const OF_A_PACKAGE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_",
    "CARGO_PKG_",
];

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Environment {
    /// The command that builds.
    pub cargo: OsString,
    /// Variables that are not passed on.
    pub left_out: Vec<OsString>,
}

impl Environment {
    /// The environment as it is.
    pub(super) fn of_here() -> Self {
        let cargo = std::env::var_os(CARGO).unwrap_or_else(|| "cargo".into());
        Self { cargo, left_out: Vec::new() }
    }

    /// That of a revision, where the environment here has these variables.
    pub(super) fn of_revision(here: &[(OsString, OsString)]) -> Self {
        let value = |name: &str| here.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let is_by_rustup = value(BY_RUSTUP).or(value(SOURCE)).is_some();
        let is_asked_for = value(SOURCE).is_some_and(|source| ASKED_FOR.iter().any(|it| source == it));
        let has_own_cargo = !is_by_rustup && value(OF_A_PACKAGE[0]).is_none();
        let is_left_out = |name: &OsStr| match name.to_str() {
            Some(CARGO) => !has_own_cargo,
            Some(TOOLCHAIN | SOURCE) => is_by_rustup && !is_asked_for,
            Some(name) => OF_A_PACKAGE.iter().any(|begin| name.starts_with(begin)),
            None => false,
        };
        let left_out = here.iter().map(|(name, _)| name).filter(|name| is_left_out(name));
        Self {
            cargo: value(CARGO).filter(|_| has_own_cargo).cloned().unwrap_or_else(|| "cargo".into()),
            left_out: left_out.cloned().collect(),
        }
    }

    /// Whether another toolchain may build with it than runs here.
    pub(super) fn may_differ(&self) -> bool {
        self.left_out.iter().any(|name| name == CARGO || name == TOOLCHAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(here: &[(&str, &str)]) -> (String, Vec<String>) {
        let here: Vec<(OsString, OsString)> =
            here.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let own = Environment::of_revision(&here);
        let text = |text: OsString| text.into_string().unwrap();
        (text(own.cargo), own.left_out.into_iter().map(text).collect())
    }

    #[test]
    fn what_cargo_and_rustup_set_is_left_out() {
        let by_cargo = [
            ("PATH", "/bin"),
            ("CARGO_HOME", "/home/.cargo"),
            ("CARGO", "/toolchains/head/bin/cargo"),
            ("CARGO_MANIFEST_DIR", "/repository"),
            ("CARGO_PKG_VERSION", "1.0.0"),
            ("CARGO_PROFILE_RELEASE_LTO", "true"),
            ("RUSTFLAGS", "-C target-cpu=native"),
        ];
        let of_package = ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_VERSION"];
        assert_eq!(of(&by_cargo), ("cargo".to_owned(), of_package.map(str::to_owned).into()));
        // Rustup says why it chose its toolchain, or does not.
        for (said, is_left_out) in [
            (("RUSTUP_TOOLCHAIN_SOURCE", "toolchain-file"), true),
            (("RUSTUP_TOOLCHAIN_SOURCE", "default"), true),
            (("RUST_RECURSION_COUNT", "1"), true),
            (("RUSTUP_TOOLCHAIN_SOURCE", "env"), false),
            (("RUSTUP_TOOLCHAIN_SOURCE", "cli"), false),
            (("RUSTUP_TOOLCHAIN_SOURCE", "path-override"), false),
            (("PATH", "/bin"), false),
        ] {
            let (_, left_out) = of(&[&by_cargo[..], &[("RUSTUP_TOOLCHAIN", "head"), said]].concat());
            assert_eq!(left_out.contains(&"RUSTUP_TOOLCHAIN".to_owned()), is_left_out, "{said:?}");
        }
    }

    #[test]
    fn what_a_user_sets_is_kept() {
        let own = [("CARGO", "/my/cargo"), ("RUSTUP_TOOLCHAIN", "1.90"), ("CARGO_NET_OFFLINE", "true")];
        assert_eq!(of(&own), ("/my/cargo".to_owned(), Vec::new()));
        assert!(!Environment::of_revision(&[]).may_differ());
    }
}
