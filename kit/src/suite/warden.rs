//! Ends a private server with the process of the tests, however that ends.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// A process that kills the server and removes its folder when the other end of its input is closed, which the system does when the
/// process of the tests ends.
///
/// # Panics
/// There is no shell.
#[must_use]
pub(super) fn warden(server: &Child, folder: &Path) -> Child {
    // A Ctrl-C at the tests ends them first.
    let script = "trap '' INT; cat >/dev/null; kill -9 \"$0\" 2>/dev/null; rm -rf \"$1\"";
    let mut warden = Command::new("sh");
    warden.args(["-c", script, &server.id().to_string()]).arg(folder);
    warden.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    warden.spawn().expect("a shell")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_ends_and_its_folder_goes_with_the_input_of_its_warden() {
        let folder = std::env::temp_dir().join(format!("drumpost-warden-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = Command::new("sleep").arg("60").spawn().unwrap();
        let mut warden = warden(&server, &folder);
        assert!(server.try_wait().unwrap().is_none() && folder.exists());
        drop(warden.stdin.take());
        warden.wait().unwrap();
        assert!(!server.wait().unwrap().success() && !folder.exists());
    }
}
