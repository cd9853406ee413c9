"""mqttwrk, an MQTT bench in Rust."""
import contextlib, os, tempfile

from .tools import TOOLS, WORK, Figures, Peer, Tool, drumpost, free_port, installed, number, said, server, sides_of

VERSION = "0.2.0"


def peer():
    binary, program = drumpost("mqtt"), said("scripts/mosquitto-server")
    tool = installed("mqttwrk", VERSION, "cargo",
                     ["cargo", "install", "--quiet", "--locked", "--root", os.path.dirname(TOOLS), f"mqttwrk@{VERSION}"])

    @contextlib.contextmanager
    def start():
        port, folder = free_port(), tempfile.mkdtemp(dir=WORK)
        settings = os.path.join(folder, "mosquitto.conf")
        with open(settings, "w") as file:
            # Root otherwise gives up its rights, and the folder is root's. A queue without a limit: nothing is dropped.
            file.write(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n")
        with server([program, "-c", settings], port) as started:
            yield started

    def bench(server, case):
        text, cpu_s, peak = Tool(tool, "bench", "-S", "127.0.0.1", "-P", str(server.port), "-p", "1", "-s", "1", "-n", str(case["count"]),
                                 "-m", str(case["size"]), "--publish-qos", case["qos"], "--subscribe-qos", case["qos"],
                                 "-i", "1000").end()
        return Figures(number(r"SubStats \{[^}]*throughput: ([\d.]+)", text), case["count"], cpu_s, peak_kib=peak)

    def case(size, count, qos):
        return {"size": size, "count": count, "in_flight": 4096, "qos": qos, "flags": ("--set", f"mqtt.qos={qos}")}

    side = sides_of(binary, "mqtt", "mqtt")
    return Peer(
        versions=[said(program, "--version"), f"mqttwrk {VERSION}", said(binary, "--version")],
        start=start,
        cases={
            "128 B, QoS 0": case(128, 200_000, "0"),
            "128 B, QoS 1": case(128, 100_000, "1"),
            "1 KiB, QoS 1": case(1024, 100_000, "1"),
        },
        sides={"mqttwrk": bench, "mqtt, batch 64": side("--batch", "64"), "mqtt": side()},
        remarks=["One publisher, one subscriber. drumpost keeps 4,096 messages in flight, of which 1,024 are not confirmed at QoS 1."],
    )
