"""`scripts/against-peers PEER [ROUNDS]`."""
import importlib

from .measure import measured, table
from .tools import Failed, started

# Each is a file beside this one, with a function `peer`.
PEERS = ["nats", "redis", "rabbitmq", "kafka", "mqtt"]


def main(name, rounds="9"):
    if name not in PEERS:
        raise Failed(f"unknown peer `{name}`; known: {', '.join(PEERS)}")
    measured(importlib.import_module(f".{name}", __package__).peer, rounds, table)


started(main)
