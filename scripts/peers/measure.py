"""The rounds: every side of every case once, in an order that is shuffled anew, and the table of what they came to."""
import os, random, signal, statistics, sys

from .tools import Failed, processor_s, remark


def measured(peer, rounds, table):
    """Measures the rounds that the user asked for, and prints the table of those that are whole. `peer` makes what is measured."""
    if not rounds.isdigit() or int(rounds) == 0:
        raise Failed(f"`{rounds}` is not a number of rounds")
    chosen = peer()
    found, whole, failure = rounds_of(chosen, int(rounds))
    if whole > 0:
        table(chosen, found, whole)
    if failure:
        raise Failed(f"{failure}; {whole} of {rounds} rounds are whole")


def spread(values, digits=None):
    """The median, and the least and the most."""
    shown = (lambda value: f"{value:,.0f}") if digits is None else (lambda value: f"{value:,.{digits}f}")
    return f"{shown(statistics.median(values))} [{shown(min(values))} to {shown(max(values))}]"


def table(peer, found, rounds):
    print(f"{', '.join(peer.versions)}; {os.cpu_count()} cores; {rounds} rounds; medians [least to most]\n")
    print("| case | side | messages/s | ratio | CPU s per million | of the server | peak MiB | p50 µs | p99 µs |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in found:
        first = next(iter(found[case].values()))
        has_times = all(one.p50_us is not None for side in found[case].values() for one in side)
        for side, runs in found[case].items():
            each = lambda of: [of(one) for one in runs]
            print("| " + " | ".join([
                case,
                side,
                spread(each(lambda one: one.rate)),
                spread([one.rate / other.rate for one, other in zip(runs, first)], 2),
                spread(each(lambda one: one.cpu_s / one.messages * 1e6), 2),
                spread(each(lambda one: one.server_s / one.messages * 1e6), 2),
                spread(each(lambda one: one.peak_kib / 1024)),
                spread(each(lambda one: one.p50_us)) if has_times else "–",
                spread(each(lambda one: one.p99_us)) if has_times else "–",
            ]) + " |")
    print()
    print("\n".join(peer.remarks))


def chosen(named, variable):
    """Those whose name has a part that the variable of the environment gives; all without it."""
    parts = [part for part in os.environ.get(variable, "").split(",") if part]
    kept = {name: value for name, value in named.items() if not parts or any(part in name for part in parts)}
    if not kept:
        raise Failed(f"{variable}={','.join(parts)} leaves nothing; there are: {', '.join(named)}")
    return kept


def rounds_of(peer, rounds):
    """Measures, and gives the figures of whole rounds: all, or those before a signal or a failure, with the failure."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    order = random.Random(seed)
    remark(f"seed {seed}")
    cases, sides = chosen(peer.cases, "CASES"), chosen(peer.sides, "SIDES")
    found, failure = {case: {side: [] for side in sides} for case in cases}, None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with peer.start() as server:
            for number in range(rounds):
                turns = [(case, side) for case in cases for side in sides]
                order.shuffle(turns)
                for case, side in turns:
                    before_s = processor_s(server.pid)
                    figures = sides[side](server, cases[case])
                    figures.server_s = processor_s(server.pid) - before_s
                    found[case][side].append(figures)
                    print(f"round {number + 1}: {case}, {side}: {figures.rate:,.0f}/s, "
                          f"{figures.cpu_s / figures.messages * 1e6:.2f} s per million", file=sys.stderr)
    except KeyboardInterrupt:
        failure = "interrupted"
    except Failed as why:
        failure = str(why)
    whole = min(len(runs) for sides in found.values() for runs in sides.values())
    return {case: {side: runs[:whole] for side, runs in of.items()} for case, of in found.items()}, whole, failure
