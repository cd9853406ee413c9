"""RabbitMQ PerfTest."""
import contextlib, os, re, shutil, statistics, tempfile

from .tools import WORK, Figures, Peer, Tool, drumpost, free_port, jars, number, said, server, sides_of

VERSION = "2.22.1"
# What transient messages without acknowledgements and persistent ones with confirms are for either side.
TRANSIENT = {
    "perf": ("-a",),
    "flags": ("--guarantee", "at-most-once", "--set", "rabbitmq.queue=transient", "--set", "rabbitmq.confirms=off", "--set", "rabbitmq.no-ack=on"),
}
CONFIRMED = {
    "perf": ("-c", "1024", "-q", "512", "-f", "persistent", "-ad", "true"),
    "flags": ("--set", "rabbitmq.queue=classic", "--set", "rabbitmq.prefetch=512", "--unconfirmed", "1024"),
}


def peer():
    binary, program = drumpost("rabbitmq"), said("scripts/rabbitmq-server")
    perf = ("java", "-cp", jars("com.rabbitmq", "perf-test", VERSION), "com.rabbitmq.perf.PerfTest")

    @contextlib.contextmanager
    def start():
        port, folder = free_port(), tempfile.mkdtemp(dir=WORK)
        with server([program, str(port), folder], port) as started:
            yield started

    def perf_test(server, case):
        run = (*perf, "-h", f"amqp://127.0.0.1:{server.port}", "-x", "1", "-y", "1", "-s", str(case["size"]), *case["perf"])
        count = str(case["count"])
        if "rate" in case:
            text, cpu_s, peak = Tool(*run, "-r", str(case["rate"]), "-C", count, "-D", count).end()
            # Intervals of a second; the first three, in which Java warms up, are left out.
            shown = re.findall(r"consumer latency: (\d+)/(\d+)/(\d+)/(\d+)/(\d+)", text)[3:]
            rate = number(r"receiving rate avg: ([\d.]+)", text)
            p50_us, p99_us = (statistics.median(float(interval[at]) for interval in shown) for at in (1, 4))
            return Figures(rate, case["count"], cpu_s, peak_kib=peak, p50_us=p50_us, p99_us=p99_us)
        text, cpu_s, peak = Tool(*run, "-C", count, "-D", count).end()
        return Figures(number(r"receiving rate avg: ([\d.]+)", text), case["count"], cpu_s, peak_kib=peak)

    side = sides_of(binary, "amqp", "rabbitmq")
    return Peer(
        versions=[said(program, "--version"), f"PerfTest {VERSION}", said(binary, "--version")],
        start=start,
        cases={
            "128 B, transient": {"size": 128, "count": 200_000, "in_flight": 4096, **TRANSIENT},
            "1 KiB, transient": {"size": 1024, "count": 150_000, "in_flight": 4096, **TRANSIENT},
            "128 B, persistent, confirms": {"size": 128, "count": 100_000, "in_flight": 4096, **CONFIRMED},
            "128 B, persistent, 1,000/s": {"size": 128, "count": 10_000, "rate": 1_000, **CONFIRMED},
            # About half of what PerfTest reaches with confirms on two cores.
            "128 B, persistent, 7,000/s": {"size": 128, "count": 70_000, "rate": 7_000, **CONFIRMED},
        },
        sides={
            "PerfTest": perf_test,
            "rabbitmq, batch 64": side("--batch", "64"),
            "rabbitmq": side(),
        },
        remarks=[
            "One producer, one consumer, one classic queue. Transient: consumers need not acknowledge, nothing is confirmed. Persistent: "
            "1,024 unconfirmed messages, 512 unacknowledged ones. PerfTest's rate is that of its consumer, its Java warm-up included; its "
            "latencies are the medians of its intervals of a second without the first three, from sending to receiving. drumpost counts "
            "from when a message was due.",
        ],
    )
