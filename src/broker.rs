//! `drumpost broker`: private servers for whoever has only the binary.
//!
//! The scripts that get and start servers are part of the binary. They are written to a folder of the user's cache, and bash takes the place of
//! this process to run them. So there is one truth about servers, and a signal ends the script and nothing else.

use crate::{
    Exit,
    args::{BrokerAction, BrokerArgs},
    exit::usage,
};
use anyhow::Context;
use drumpost_dispatch::scripts::{MAIN, SCRIPTS};
use std::{
    env, fs,
    io::Write,
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{self, Command},
};

/// Runs the scripts. Returns only if it cannot.
pub(crate) fn broker(args: &BrokerArgs) -> anyhow::Result<Exit> {
    if args.action == BrokerAction::Up && args.names.is_empty() {
        return Err(usage("say which server, as each is fetched; `drumpost broker status` lists them"));
    }
    let home = cache().ok_or_else(|| {
        usage(
            "there is no folder for servers: set HOME, or XDG_CACHE_HOME to a whole path such as /var/cache",
        )
    })?;
    let home = home.join("drumpost");
    for (name, text) in SCRIPTS {
        write(&home.join("scripts").join(name), text)?;
    }
    let mut command = Command::new("bash");
    command.arg(home.join("scripts").join(MAIN)).arg(args.action.word()).args(&args.names);
    command.env("DRUMPOST_BROKER_COMMAND", "drumpost broker");
    for (variable, folder) in [("DRUMPOST_TOOLS", "tools"), ("DRUMPOST_BROKERS", "brokers")] {
        if env::var_os(variable).is_none_or(|set| set.is_empty()) {
            command.env(variable, home.join(folder));
        }
    }
    Err(command.exec()).context("failed to run bash, which starts the servers; install it")
}

/// Where the user's programs keep what can be had again.
pub(crate) fn cache() -> Option<PathBuf> {
    let set = |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))
}

/// Writes a script aside and renames it, so that one that runs is never half there.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let is_there = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o100 != 0)
        && fs::read(path).is_ok_and(|old| old == text.as_bytes());
    if is_there {
        return Ok(());
    }
    let aside = path.with_extension(process::id().to_string());
    let written = (|| {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&aside)?;
        file.write_all(text.as_bytes())?;
        drop(file);
        fs::rename(&aside, path)
    })();
    written.with_context(|| {
        format!("failed to write {}; set XDG_CACHE_HOME to a folder that can be written to", path.display())
    })
}
