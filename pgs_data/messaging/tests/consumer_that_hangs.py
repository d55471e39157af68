"""Run as a process by test_streams_killed: handles two entries of its batch, then hangs until it is killed."""

import sys
import time

from pgs_data.messaging.streams import StreamConsumer, unique_consumer_name
from pgs_data.redis.connections import blocking, ledger


def main(stream: str, group: str) -> None:
    def handle(entries) -> None:
        for place, entry in enumerate(entries):
            if place == 2:
                ledger().set("{p00}hanging", "1")
                time.sleep(600)
            ledger().rpush("{p00}handled", entry.fields["number"])

    StreamConsumer(
        blocking("ledger", 0, block_ms=100),
        stream,
        group,
        unique_consumer_name("hanging"),
        handle,
        batch_size=5,
        block_ms=100,
        claim_idle_ms=60_000,
        set_aside=lambda entry, reason: None,
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
