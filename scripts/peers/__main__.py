"""`scripts/against-peers PEER [ROUNDS]`."""
import importlib, shutil, subprocess, sys

from .measure import rounds_of, table
from .tools import WORK, Failed

# Each is a file beside this one, with a function `peer`.
PEERS = ["nats", "redis", "rabbitmq", "kafka", "mqtt"]


def main(name, rounds="9"):
    if name not in PEERS:
        raise Failed(f"unknown peer `{name}`; known: {', '.join(PEERS)}")
    if not rounds.isdigit() or int(rounds) == 0:
        raise Failed(f"`{rounds}` is not a number of rounds")
    peer = importlib.import_module(f".{name}", __package__).peer()
    found, whole, failure = rounds_of(peer, int(rounds))
    if whole > 0:
        table(peer, found, whole)
    if failure:
        raise Failed(f"{failure}; {whole} of {rounds} rounds are whole")


try:
    main(*sys.argv[1:3])
except (Failed, subprocess.CalledProcessError) as why:
    sys.exit(f"scripts/against-peers: {why}")
except KeyboardInterrupt:
    sys.exit(130)
finally:
    shutil.rmtree(WORK, ignore_errors=True)
