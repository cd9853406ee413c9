"""Getting programs, starting servers, running one side of a comparison, and what a run comes to."""
import contextlib, dataclasses, json, os, re, shutil, socket, subprocess, sys, tempfile, time

TOOLS = os.path.join(os.environ["DRUMPOST_TOOLS"], "bin")
# The script that runs, for its messages.
SCRIPT = os.environ.get("SCRIPT", "against-peers")
WORK = tempfile.mkdtemp(prefix="against-peers-")
LIMIT_S = 180


@dataclasses.dataclass
class Figures:
    """What one run of one side comes to."""
    rate: float  # messages a second
    messages: int
    cpu_s: float  # of the tool's processes, from their start to their end
    server_s: float = 0.0
    peak_kib: int = 0  # of all processes of the tool
    p50_us: float | None = None
    p99_us: float | None = None


@dataclasses.dataclass
class Peer:
    """A tool to compare with. `start` yields a server, whose `pid` is asked for its time. Each side is a function of the server and a
    case."""
    versions: list
    start: object
    cases: dict  # by label
    sides: dict  # by label; the first is the one that the others are compared with
    remarks: list


class Failed(Exception):
    """A sentence about what does not work."""


def started(main):
    """Runs the script whose name is in SCRIPT with its arguments, and leaves nothing behind."""
    try:
        main(*sys.argv[1:3])
    except (Failed, subprocess.CalledProcessError) as why:
        sys.exit(f"scripts/{SCRIPT}: {why}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def said(*command, **environment):
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.strip()


def remark(text):
    print(f"scripts/{SCRIPT}: {text}", file=sys.stderr)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def drumpost(features):
    """The path of a release build."""
    return os.environ.get("DRUMPOST") or built("drumpost", "--features", features)


def built(program, *arguments):
    """Builds a program of the project with optimisation, and gives its path below the folder of such builds."""
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", *arguments], check=True)
    folder = json.loads(said("cargo", "metadata", "--format-version", "1", "--no-deps"))["target_directory"]
    return os.path.join(folder, "release", program)


def installed(name, version, needs, command, **environment):
    """A tool in the tools folder, in this version; `command` builds it there."""
    path = os.path.join(TOOLS, name)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if version in said(path, "--version"):
            return path
    if not shutil.which(needs):
        raise Failed(f"{name} {version} is not in {TOOLS}, and {needs} is not installed, which would build it")
    os.makedirs(TOOLS, exist_ok=True)
    remark(f"building {name} {version}, which takes some minutes")
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=sys.stderr)
    return path


def jars(group, artifact, version):
    """The class path of a program of Maven Central, with all that it needs."""
    folder = os.path.join(TOOLS, f"{artifact}-{version}")
    if not os.path.isdir(folder):
        if not shutil.which("mvn"):
            raise Failed(f"{artifact} {version} is not in {TOOLS}, and mvn is not installed, which would fetch it")
        remark(f"fetching {artifact} {version} with mvn")
        os.makedirs(TOOLS, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=TOOLS) as work:
            with open(os.path.join(work, "pom.xml"), "w") as pom:
                pom.write(f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>drumpost</groupId><artifactId>peer</artifactId><version>1</version><packaging>pom</packaging><dependencies><dependency>
<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency></dependencies></project>""")
            subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={work}/lib"], cwd=work, check=True,
                           stdout=sys.stderr)
            # Renamed, so that it is never half there.
            os.rename(os.path.join(work, "lib"), folder)
    return os.path.join(folder, "*")


def processor_s(pid):
    """Processor time that a process and those that it started have used."""
    used, parents = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
            parents[int(entry)] = int(fields[1])
            # Its own time, and that of children it has waited for.
            used[int(entry)] = sum(map(int, fields[11:15]))

    def belongs(one):
        return one == pid or one in parents and belongs(parents[one])

    return sum(ticks for one, ticks in used.items() if belongs(one)) / os.sysconf("SC_CLK_TCK")


def wait_until(is_so, what, limit_s=60):
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with contextlib.suppress(OSError, KeyError, subprocess.CalledProcessError):
            if is_so():
                return
        time.sleep(0.02)
    raise Failed(f"it does not come about that {what}")


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextlib.contextmanager
def server(command, port, serves=None, **environment):
    """A private server in a folder of its own; `serves` says whether it does, beyond accepting on its port."""
    with open(os.path.join(WORK, "server.log"), "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, **environment})
    process.port = port

    def is_up():
        if process.poll() is not None:
            raise Failed(f"{command[0]} ended: {open(log.name).read()[-2000:]}")
        return accepts(port) and (serves is None or serves())

    try:
        wait_until(is_up, f"{os.path.basename(command[0])} serves")
        yield process
    finally:
        process.kill()
        process.wait()


class Tool:
    """A running process. Its output goes to a file, so that no pipe holds it up. Ctrl-C does not reach it: the rounds end in one place."""

    def __init__(self, *command, **environment):
        self.command = command
        self.file = tempfile.TemporaryFile("w+", dir=WORK)
        self.process = subprocess.Popen(command, stdout=self.file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        start_new_session=True, env={**os.environ, **environment})

    def end(self):
        """Waits. Gives its output, its processor time and its peak memory."""
        until = time.monotonic() + LIMIT_S
        try:
            while True:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > until:
                    raise Failed(f"took longer than {LIMIT_S} s: {' '.join(self.command)}")
                time.sleep(0.01)
        except BaseException:
            self.process.kill()
            raise
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.file.seek(0)
        text = self.file.read()
        if self.process.returncode:
            raise Failed(f"{' '.join(self.command)} ended with {self.process.returncode}:\n{text[-2000:]}")
        return text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def both(first, second, rate, case, **times):
    """Figures of a tool of two processes, which have ended."""
    return Figures(rate, case["count"], first[1] + second[1], peak_kib=first[2] + second[2], **times)


def number(pattern, text):
    """The number that a tool prints last in this form, which has one group; commas divide thousands."""
    found = re.findall(pattern, text)
    if not found:
        raise Failed(f"the output has nothing like {pattern}:\n{text[-2000:]}")
    return float(found[-1].replace(",", ""))


def micros(text):
    """Microseconds of a time such as 1.5ms."""
    units = {"ns": 1e-3, "µs": 1.0, "us": 1.0, "ms": 1e3, "s": 1e6}
    count, unit = re.fullmatch(r"([\d.]+)(\D+)", text).groups()
    return float(count) * units[unit]


def record_of(binary, dispatch, url, *flags):
    """The record of one run of the scenario `stream`, with one producer and one consumer; its processor time and its peak memory."""
    record = os.path.join(WORK, "record.json")
    # The exit code of a run that is suspect on a busy machine is not zero; what counts is its record.
    tool = Tool("sh", "-c", '"$@"; code=$?; [ $code -ne 1 ]', "run", binary, "run", "stream", "--dispatch", dispatch,
                "--server", url, "--no-tui", "--drain", "30s", "--out", record, *flags)
    text, cpu_s, peak = tool.end()
    if not os.path.exists(record):
        raise Failed(f"a run over {dispatch} made no record:\n{text[-2000:]}")
    run = json.load(open(record))["runs"][0]
    os.remove(record)
    audit = run["audit"]
    if run["status"] != "ok" or audit["lost"] or audit["duplicated"]:
        raise Failed(f"a run over {dispatch} is not sound: {run['status']} {run['error']} {audit}\n{text[-2000:]}")
    return run, cpu_s, peak


def run_drumpost(binary, dispatch, url, case, *flags):
    """One run as a case asks for it."""
    load = ["--rate", f"{case['rate']}/s"] if "rate" in case else ["--in-flight", str(case["in_flight"])]
    run, cpu_s, peak = record_of(binary, dispatch, url, "--payload", str(case["size"]), "--count", str(case["count"]), "--warmup", "0s",
                                 *load, *flags)
    times = run["response_ns"]
    return Figures(run["throughput_per_s"], run["audit"]["sent"], cpu_s, peak_kib=peak, p50_us=times["p50"] / 1e3,
                   p99_us=times["p99"] / 1e3)


def sides_of(binary, scheme, transport):
    """Makes sides of drumpost over a transport from their flags. A case may have flags of its own."""
    def side(*flags):
        def run(server, case):
            # A paced run sends each message when it is due.
            chosen = () if "rate" in case else flags
            url = f"{scheme}://127.0.0.1:{server.port}"
            return run_drumpost(binary, f"message/{transport}", url, case, *chosen, *case.get("flags", ()))
        return run
    return side
