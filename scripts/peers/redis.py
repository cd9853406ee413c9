"""redis-benchmark: one that pushes to a list and one that pops from it, each over one connection with pipelined commands."""
import os, re

from .tools import Peer, Tool, both, drumpost, free_port, number, said, server, sides_of


def peer():
    binary, program = drumpost("redis"), said("scripts/redis-server")
    bench = os.path.join(os.path.dirname(program), "redis-benchmark")

    def start():
        port = free_port()
        return server([program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"], port)

    def pushed_and_popped(server, case):
        run = (bench, "-h", "127.0.0.1", "-p", str(server.port), "-c", "1", "-P", "64", "-n", str(case["count"]), "-q")
        # A pop that waits takes exactly one message, so that as many come out as went in.
        pop = Tool(*run, "BRPOP", "against-peers", "0")
        push = Tool(*run, "LPUSH", "against-peers", "x" * case["size"])
        popped, pushed = pop.end(), push.end()
        # Lines are written over each other while it runs.
        return both(popped, pushed, number(r"([\d.]+) requests per second", popped[0]), case)

    side = sides_of(binary, "redis", "redis")
    return Peer(
        versions=[re.search(r"v=\S+", said(program, "--version"))[0].replace("v=", "Redis "), said(binary, "--version")],
        start=start,
        cases={
            "128 B": {"size": 128, "count": 1_500_000, "in_flight": 4096},
            "1 KiB": {"size": 1024, "count": 600_000, "in_flight": 4096},
        },
        sides={
            "redis-benchmark LPUSH and BRPOP, pipelines of 64": pushed_and_popped,
            "redis, at most once, batch 64": side("--set", "redis.take=pop", "--guarantee", "at-most-once", "--batch", "64"),
            "redis, batch 64": side("--batch", "64"),
        },
        remarks=[
            "One producer, one consumer, one list. redis-benchmark takes messages without acknowledgement, as drumpost does at most "
            "once; its rate is that of its consumer. drumpost keeps 4,096 messages in flight, and its messages have 48 bytes more than "
            "the payload. It pushes what one step of its sender has for a list in one command, redis-benchmark each message in a command of its "
            "own. redis-benchmark times no delivery.",
        ],
    )
