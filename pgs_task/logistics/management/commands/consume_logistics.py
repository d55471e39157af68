"""`manage.py consume_logistics`: the process that ships what the bus announces."""

import json
import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_data.redis.connections import RedisUnavailable
from pgs_task.logistics.services import make_consumer
from pgs_task.payment.configuration.watching import watch_configuration


class Command(BaseCommand):
    """Ships until it is told to stop, or once."""

    help = (
        "Reads the logistics bus (a Redis stream) and ships: for every announced order that is TO_SHIP it writes the "
        "shipment of the sandbox carrier and moves the order to SHIPPED, in one transaction a node. Orders that are "
        "not released, or whose money is on its way back, are passed over. An entry is acknowledged after that; one "
        "that can't be read goes to bus:logistics:set_aside with the reason. Start as many as you like. SIGTERM or "
        "Ctrl-C ends it after the batch in hand."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Ship what is on the bus now, then exit.")
        parser.add_argument("--json", action="store_true", help="With --once: print one object with the entries read.")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            self._consume_once(as_json=options["json"])
            return
        consumer = make_consumer()

        def end(number: int, frame: FrameType | None) -> None:
            consumer.stop()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        watch_configuration(process="logistics")
        consumer.run()

    def _consume_once(self, *, as_json: bool) -> None:
        consumer = make_consumer(block_ms=100)
        try:
            # The first read may only have made the group.
            entries = consumer.run_once() or consumer.run_once()
            read = entries
            while entries:
                entries = consumer.run_once()
                read += entries
        except RedisUnavailable as error:
            raise CommandError(f"Redis is away: {error}") from error
        self.stdout.write(json.dumps({"read": read}) if as_json else f"{read} entries read")
