//! Sides that are revisions: how they are built, and what is left if that goes wrong.

use super::*;

#[test]
fn a_revision_is_built_and_the_record_says_which() {
    let place = Place::new();
    let (commit, says) = repository(&place);
    script(&place.path("cargo"), &format!("pwd >>built; echo \"$@\" >>built; echo '{says}'"));
    let mut command = place.command(
        &line("HEAD", ".", "--pairs 12 --out r.json")
            .replace("-d message/sim", "-d message/sim --sim service=fixed:1ms"),
    );
    command.env("XDG_CACHE_HOME", place.path("cache"));
    let done = Running::start(command.env("CARGO", place.path("cargo"))).end().with_code(0);
    assert!(done.stderr.contains("building HEAD"), "{}", done.stderr);
    let record = Record::from_file(&place.path("r.json"));
    for run in record.runs() {
        assert_eq!(run["side"]["revision"], commit.as_str(), "{}", run["side"]);
    }
    let builds = fs::read_dir(place.path("cache/drumpost/builds")).unwrap().next().unwrap().unwrap().path();
    let tree = fs::read_to_string(builds.join(&commit[..12]).join("built")).unwrap();
    assert!(tree.contains("build --release"), "{tree}");
    // A build of the head may write over the program that is the base. That was copied before.
    fs::copy(env!("CARGO_BIN_EXE_drumpost"), place.path("old")).unwrap();
    script(&place.path("cargo"), &format!("cp /bin/false old; echo '{says}'"));
    let measured = line("bin:old", ".", "--pairs 12")
        .replace("-d message/sim", "-d message/sim --sim service=fixed:1ms");
    Running::start(place.command(&measured).env("CARGO", place.path("cargo"))).end().with_code(0);
    // What does not build is told.
    script(&place.path("cargo"), "exit 101");
    let mut command = place.command(&line("HEAD", ".", ""));
    command.env("XDG_CACHE_HOME", place.path("cache"));
    let done = Running::start(command.env("CARGO", place.path("cargo"))).end().with_code(1);
    assert!(done.stderr.contains("failed to build in"), "{}", done.stderr);
}

/// `cargo run` sets variables that would have each revision built by the toolchain of the files here.
#[test]
fn a_revision_is_built_by_its_own_toolchain() {
    let place = Place::new();
    let (_, says) = repository(&place);
    let told = place.path("told");
    let tells = |name: &str| {
        let variables = "$RUSTUP_TOOLCHAIN $CARGO_MANIFEST_DIR $CARGO_NET_OFFLINE";
        format!("echo {name} $1 {variables} >>{}; echo '{says}'", told.display())
    };
    fs::create_dir(place.path("bin")).unwrap();
    script(&place.path("outer"), &tells("outer"));
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    let line = line("HEAD", ".", "--within 1ns").replace("/sim", "/sim --sim service=fixed:1ms");
    let built = |own: &str, source: &str| {
        script(&place.path("bin/cargo"), own);
        let _ = fs::remove_file(&told);
        let mut command = place.command(&line);
        command.env("XDG_CACHE_HOME", place.path("cache")).env("PATH", &path);
        command.env("CARGO", place.path("outer")).env("CARGO_MANIFEST_DIR", "here");
        command.env("CARGO_NET_OFFLINE", "1");
        command.env("RUSTUP_TOOLCHAIN", "newer").env("RUSTUP_TOOLCHAIN_SOURCE", source);
        let done = Running::start(&mut command).end().with_code(0);
        let told = fs::read_to_string(&told).unwrap();
        (told.lines().map(str::to_owned).collect::<Vec<_>>(), done.stderr)
    };
    let head = "outer build newer here 1";
    let (told, _) = built(&tells("own"), "toolchain-file");
    assert_eq!(told, ["own --version 1", "own build 1", head]);
    // A toolchain that was asked for builds both.
    let (told, _) = built(&tells("own"), "cli");
    assert_eq!(told, ["own --version newer 1", "own build newer 1", head]);
    // Without a network a toolchain may not be there.
    let (told, stderr) = built("exit 1", "toolchain-file");
    assert_eq!(told, [head, head]);
    assert!(stderr.contains("so it is built by the one that runs here"), "{stderr}");
}

/// A hook of git runs with variables that say where the repository is. Git would obey them in the work tree of the base, too, and
/// check out the base over the user's own files.
#[test]
fn a_hook_of_git_and_a_torn_work_tree_do_no_harm() {
    let place = Place::new();
    let (commit, says) = repository(&place);
    script(&place.path("cargo"), &format!("echo '{says}'"));
    let branch = git(&place, &["symbolic-ref", "HEAD"]);
    git(&place, &[&WHO[..], &["commit", "-q", "--allow-empty", "-m", "second"]].concat());
    let compare = || {
        let line = line("HEAD~1", ".", "--within 1ns --out r.json").replace("message/sim", "message/rtrb");
        let mut command = place.command(&line.replace("--arrivals poisson --count 500", "--duration 20ms"));
        command.env("XDG_CACHE_HOME", place.path("cache")).env("CARGO", place.path("cargo"));
        command.env("GIT_DIR", place.path(".git")).env("GIT_INDEX_FILE", place.path(".git/index"));
        let done = Running::start(&mut command).end();
        assert!(place.path("r.json").exists(), "{}", done.stderr);
        fs::remove_file(place.path("r.json")).unwrap();
        assert_eq!(git(&place, &["symbolic-ref", "HEAD"]), branch);
    };
    compare();
    compare();
    // The repository was made anew in its place, and knows nothing of the work tree.
    fs::remove_dir_all(place.path(".git/worktrees")).unwrap();
    compare();
    let builds = fs::read_dir(place.path("cache/drumpost/builds")).unwrap().next().unwrap().unwrap().path();
    let tree = builds.join(&commit[..12]);
    // A checkout was cut off, and left its lock.
    let lock = fs::read_to_string(tree.join(".git")).unwrap();
    fs::write(Path::new(lock.trim().strip_prefix("gitdir: ").unwrap()).join("index.lock"), "").unwrap();
    compare();
}

#[test]
fn a_build_that_is_interrupted_is_ended_and_leaves_nothing() {
    let place = Place::new();
    let _ = repository(&place);
    // Cargo and what it started.
    script(&place.path("cargo"), "sleep 60 & echo $! >started; wait");
    let mut command = place.command(&line("flags:", ".", ""));
    let running = Running::start(command.env("CARGO", place.path("cargo")));
    let started = || fs::read_to_string(place.path("started")).ok().filter(|id| id.ends_with('\n'));
    while started().is_none() && running.took() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    let done = running.end();
    assert_eq!(done.code, 130, "{}", done.stderr);
    let stat = fs::read_to_string(format!("/proc/{}/stat", started().unwrap().trim()));
    // Whoever adopts it may not have waited for it yet.
    assert!(stat.as_ref().map_or(true, |stat| stat.contains(") Z ")), "it still runs: {stat:?}");
    assert_eq!(fs::read_dir(place.path(".drumpost")).unwrap().count(), 0, "a copy of the program is left");
}
