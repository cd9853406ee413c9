"""`nats bench pub` and `nats bench sub`, and `nats latency`, of the project's own command line."""
import contextlib, json, re, urllib.request

from .tools import (TOOLS, Figures, Peer, Tool, both, drumpost, free_port, installed, micros, number, said, server, sides_of,
                    wait_until)


def asked(monitor, what):
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/{what}", timeout=5) as answer:
        return json.load(answer)


@contextlib.contextmanager
def private(program):
    """A server of its own, which tells what it does on its port `monitor`."""
    port, monitor = free_port(), free_port()
    asking = lambda: asked(monitor, "healthz")["status"] == "ok"
    with server([program, "-a", "127.0.0.1", "-p", str(port), "-m", str(monitor)], port, asking) as started:
        started.monitor = monitor
        yield started


def peer():
    binary, version = drumpost("nats"), "v0.5.1"
    tool = installed("nats", version, "go", ["go", "install", f"github.com/nats-io/natscli/nats@{version}"], GOBIN=TOOLS, GOFLAGS="")
    program = said("scripts/nats-server")

    def bench(server, case):
        url = f"nats://127.0.0.1:{server.port}"
        run = (tool, "-s", url, "--no-context")
        if "rate" in case:
            seconds = case["count"] // case["rate"]
            text, cpu_s, peak = Tool(*run, "latency", "--server-b", url, "--size", str(case["size"]), "--rate", str(case["rate"]),
                                     "--duration", f"{seconds}s").end()
            at = {share: micros(found) for share, found in re.findall(r" (50|99): +(\S+)", text)}
            return Figures(number(r"Actual Msgs/Sec: (\d+)", text), case["count"], cpu_s, peak_kib=peak, p50_us=at["50"],
                           p99_us=at["99"])
        load = ("against.peers", "--msgs", str(case["count"]), "--size", str(case["size"]), "--no-progress")
        before = asked(server.monitor, "subsz")["num_subscriptions"]
        sub = Tool(*run, "bench", "sub", *load)
        wait_until(lambda: asked(server.monitor, "subsz")["num_subscriptions"] > before, "it subscribes")
        pub = Tool(*run, "bench", "pub", *load)
        received, sent = sub.end(), pub.end()
        return both(received, sent, number(r"subscriber stats: ([\d,]+) msgs/sec", received[0]), case)

    wire, library = sides_of(binary, "nats", "nats-wire"), sides_of(binary, "nats", "nats")
    return Peer(
        versions=[said(program, "--version"), f"nats {said(tool, '--version')}", said(binary, "--version")],
        start=lambda: private(program),
        cases={
            "128 B": {"size": 128, "count": 1_500_000, "in_flight": 4096},
            "128 B, queue group": {"size": 128, "count": 1_500_000, "in_flight": 4096, "flags": ("--instances", "worker=2")},
            "1 KiB": {"size": 1024, "count": 500_000, "in_flight": 4096},
            "128 B at 1,000/s": {"size": 128, "count": 4_000, "rate": 1_000},
        },
        sides={
            "nats bench, nats latency": bench,
            "nats-wire, batch 64": wire("--batch", "64"),
            "nats-wire": wire(),
            "nats, batch 64, placement 1": library("--batch", "64", "--placement", "1"),
            "nats": library(),
        },
        remarks=[
            "One producer and one consumer, a plain subscription, 4,096 messages in flight for drumpost, whose messages have 48 bytes "
            "more than the payload. `nats bench` limits nothing, and its rate is that of its subscriber. `nats latency` times "
            "from sending to receiving, drumpost from when a message was due.",
            "In the case of a queue group drumpost has two consumers that share the messages. `nats bench sub` cannot, so it has one "
            "consumer and a plain subscription there, too.",
        ],
    )
