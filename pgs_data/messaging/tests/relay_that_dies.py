"""Run as a process by test_relay: handles a batch, notes it, and is killed before the messages are deleted."""

import json
import os
import signal
import sys

import django
from django.conf import settings

from pgs_data.redis.connections import ledger


def main(node: str, names: str) -> None:
    # The parent's test databases, not those that the settings name.
    for alias, name in json.loads(names).items():
        settings.DATABASES[alias]["NAME"] = name
    django.setup()
    from pgs_data.messaging.relay import Relay  # noqa: PLC0415 - its models need Django to be set up

    def handle(messages) -> None:
        ledger().rpush("handled", *[message.id for message in messages])
        os.kill(os.getpid(), signal.SIGKILL)

    Relay(node, {"told": handle}, lock_ttl_ms=500).run_once()


if __name__ == "__main__":
    main(*sys.argv[1:])
