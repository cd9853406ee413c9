"""Kafka's own tools: ProducerPerformance with ConsumerPerformance beside it, and EndToEndLatency."""
import contextlib, itertools, tempfile

from .tools import WORK, Figures, Peer, Tool, both, drumpost, free_port, number, said, server, sides_of

TOOLS = "org.apache.kafka.tools"
FLAGS = ("--set", "kafka.acks=1", "--set", "kafka.idempotent=off")


def peer():
    binary, program = drumpost("kafka"), said("scripts/kafka-server")
    topics = (f"against-peers-{number}" for number in itertools.count())

    @contextlib.contextmanager
    def start():
        port, folder = free_port(), tempfile.mkdtemp(dir=WORK)
        with server([program, str(port), folder], port) as started:
            topic(started)
            yield started

    def topic(server):
        name = next(topics)
        Tool(program, "--bootstrap-server", f"127.0.0.1:{server.port}", "--create", "--topic", name, "--partitions", "1",
             KAFKA_TOOL=f"{TOOLS}.TopicCommand").end()
        return name

    def performance(server, case):
        name, address, count = topic(server), f"127.0.0.1:{server.port}", str(case["count"])
        if case["in_flight"] == 1:
            text, cpu_s, peak = Tool(program, address, name, count, "1", str(case["size"]), KAFKA_TOOL=f"{TOOLS}.EndToEndLatency").end()
            average_ms = number(r"Avg latency: ([\d.]+)", text)
            at_us = [number(rf"{share}th = ([\d.]+)", text) * 1e3 for share in (50, 99)]
            return Figures(1e3 / average_ms, case["count"], cpu_s, peak_kib=peak, p50_us=at_us[0], p99_us=at_us[1])
        read = Tool(program, "--bootstrap-server", address, "--topic", name, "--num-records", count, "--timeout", "60000",
                    KAFKA_TOOL=f"{TOOLS}.ConsumerPerformance")
        write = Tool(program, "--topic", name, "--num-records", count, "--record-size", str(case["size"]), "--throughput", "-1",
                     "--command-property", f"bootstrap.servers={address}", "acks=1", "linger.ms=5", "batch.size=65536",
                     KAFKA_TOOL=f"{TOOLS}.ProducerPerformance")
        written, read = write.end(), read.end()
        return both(written, read, number(r"records sent, ([\d.]+) records/sec", written[0]), case)

    side = sides_of(binary, "kafka", "kafka")
    many = ("--set", "kafka.linger=5ms", "--set", "kafka.batch-size=64KiB", "--batch", "64")
    single = ("--set", "kafka.linger=0us", "--set", "kafka.fetch-wait=0ms")
    return Peer(
        versions=[said(program, "--version").splitlines()[-1], said(binary, "--version")],
        start=start,
        cases={
            "128 B": {"size": 128, "count": 1_000_000, "in_flight": 65_536, "flags": FLAGS},
            "1 KiB": {"size": 1024, "count": 300_000, "in_flight": 65_536, "flags": FLAGS},
            "128 B, one at a time": {"size": 128, "count": 3_000, "in_flight": 1, "flags": FLAGS},
        },
        sides={
            "ProducerPerformance with ConsumerPerformance, EndToEndLatency": performance,
            "kafka, the tools' settings": lambda server, case: side(*(many if case["in_flight"] > 1 else single))(server, case),
            "kafka": side(),
        },
        remarks=[
            "One producer, one consumer, one partition, acks=1. The rate of Kafka's tools is what the producer sent, its Java warm-up included, "
            "while the consumer ran; drumpost's is what was received. drumpost keeps 65,536 messages in flight. One at a time: the time of "
            "EndToEndLatency is from sending to receiving, in whole milliseconds, and its rate is one by its mean time. The tools' settings: a linger of "
            "5 ms and batches of 64 KiB; one at a time no linger, and a server that answers at once when no message is there (`kafka.fetch-wait=0ms`).",
        ],
    )
