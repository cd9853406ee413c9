"""`scripts/paced nats [ROUNDS]`: paced loads beside the least that a client can be."""
import dataclasses, json, os

from .measure import measured, spread
from .nats import private
from .tools import Failed, Figures, Peer, Tool, built, drumpost, record_of, said, started

SIZE, HEADER_LEN = 128, 48
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
# The client that a side is compared with.
YARDSTICKS = {"nats": "library", "nats-wire": "framing"}


@dataclasses.dataclass
class Paced(Figures):
    """All of the measured messages, without the warm-up."""
    wait_s: float = 0.0  # processor time that the load used to wait for due times, which `cpu_s` does not contain
    harness_s: float = 0.0  # of `cpu_s`: threads of the harness that carry no messages
    from_due_us: float = 0.0


def client(program, side):
    def run(server, case):
        text, _, peak = Tool(program, side, f"127.0.0.1:{server.port}", str(case["rate"]), str(SECONDS), str(SIZE + HEADER_LEN)).end()
        told = json.loads(text.splitlines()[-1])
        wait_s = told["wait_ns"] / 1e9
        return Paced(case["rate"], told["messages"], told["cpu_ns"] / 1e9 - wait_s, peak_kib=peak, wait_s=wait_s,
                     p50_us=told["service_p50_ns"] / 1e3, p99_us=told["service_p99_ns"] / 1e3,
                     from_due_us=told["response_p50_ns"] / 1e3)
    return run


def harness(binary, transport):
    def run(server, case):
        found, _, peak = record_of(binary, f"message/{transport}", f"nats://127.0.0.1:{server.port}", "--payload", str(SIZE),
                                 "--rate", f"{case['rate']}/s", "--duration", f"{SECONDS}s", "--warmup", "1s", "--trials", "1")
        trial = found["trials"][0]
        cost = trial["cost"]
        wait_s = cost["awake_ns"] / 1e9
        return Paced(found["throughput_per_s"], cost["messages"], trial["cpu_ns"] / 1e9 - wait_s, peak_kib=peak, wait_s=wait_s,
                     harness_s=cost["harness_ns"] / 1e9, p50_us=found["service_ns"]["p50"] / 1e3, p99_us=found["service_ns"]["p99"] / 1e3,
                     from_due_us=found["response_ns"]["p50"] / 1e3)
    return run


def peer():
    binary, program = drumpost("nats"), said("scripts/nats-server")
    least = os.environ.get("PACED_CLIENT") or built("examples/paced_nats", "--package", "drumpost-dispatch", "--example", "paced_nats",
                                                    "--features", "nats")
    sides = {"library": client(least, "library"), "framing": client(least, "framing")}
    builds = {"": binary, **({", before": os.environ["BEFORE"]} if "BEFORE" in os.environ else {})}
    for transport in YARDSTICKS:
        sides |= {transport + which: harness(build, transport) for which, build in builds.items()}
    return Peer(
        versions=[said(program, "--version"), said(binary, "--version")],
        start=lambda: private(program),
        cases={f"{rate:,}/s": {"rate": rate} for rate in (1_000, 10_000)},
        sides=sides,
        remarks=[
            f"One producer and one consumer, {SIZE + HEADER_LEN} bytes a message, {SECONDS} s after a warm-up of 1 s. `library` and `framing` are "
            "dispatch/examples/paced_nats.rs. Processor time of the client process per message, without what the load used to wait for "
            "due times, which stands beside it. `threads` is the part of drumpost's threads that carry no messages, such as the "
            "monitor; `without` is the ratio without it. A ratio is that to the client over the same library or framing, in the same "
            "round. p50 and p99 are from the send of a message to its receipt, `from due` from when it was due. The clients sleep until a "
            "message is due and drumpost polls the clock before that, so theirs are sent later.",
        ],
    )


def table(peer, found, rounds):
    print(f"{', '.join(peer.versions)}; {os.cpu_count()} cores; {rounds} rounds; medians [least to most]\n")
    print("| rate | side | CPU µs | ratio | threads µs | without | waiting µs | p50 µs | ratio | p99 µs | from due µs | of the server µs |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for case, sides in found.items():
        for side, runs in sides.items():
            least = sides.get(YARDSTICKS.get(side.split(",")[0], side))
            each = lambda of, digits=1: spread([of(one) for one in runs], digits)
            ratio = lambda of: spread([of(one) / of(other) for one, other in zip(runs, least)], 2) if least else "–"
            print("| " + " | ".join([
                case,
                side,
                each(lambda one: one.cpu_s / one.messages * 1e6),
                ratio(lambda one: one.cpu_s / one.messages),
                each(lambda one: one.harness_s / one.messages * 1e6),
                ratio(lambda one: (one.cpu_s - one.harness_s) / one.messages),
                each(lambda one: one.wait_s / one.messages * 1e6),
                each(lambda one: one.p50_us),
                ratio(lambda one: one.p50_us),
                each(lambda one: one.p99_us, None),
                each(lambda one: one.from_due_us),
                each(lambda one: one.server_s / one.messages * 1e6),
            ]) + " |")
    print()
    print("\n".join(peer.remarks))


def main(name="", rounds="9"):
    if name != "nats":
        raise Failed(f"there is no minimal client for `{name}`; known: nats")
    measured(peer, rounds, table)


if __name__ == "__main__":
    started(main)
