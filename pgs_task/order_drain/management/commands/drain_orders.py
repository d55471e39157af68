"""`manage.py drain_orders`."""

import json
import re
import signal
import threading
from argparse import ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.partitions import partition_count
from pgs_task.order_drain.loops import ReaderDied, drain_once, drain_until
from pgs_task.payment.configuration.watching import watch_configuration

RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


class Command(BaseCommand):
    help = (
        "Writes admitted orders from the intake streams in Redis into the data nodes, acknowledges them and trims the "
        "streams behind what is written. Runs until SIGTERM or Ctrl-C and finishes the batches in hand. Any number of "
        "these processes share the work; what a killed one had in hand is taken over by the others."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--partitions", type=_read_partitions, metavar="LIST", help="such as 0-7,12; default: all of them"
        )
        parser.add_argument("--once", action="store_true", help="write what is there now, then end")
        parser.add_argument("--json", action="store_true", help="print one JSON object at the end and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        partitions = options["partitions"] or list(range(partition_count()))
        unknown = [partition for partition in partitions if partition >= partition_count()]
        if unknown:
            raise CommandError(f"There are partitions 0 to {partition_count() - 1}, not {unknown}.")
        try:
            report = drain_once(partitions=partitions) if options["once"] else self._run(partitions)
        except RedisUnavailable as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        except ReaderDied as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            self.stdout.write(f"{report.persisted} persisted, {report.rejected} rejected, {report.put_off} put off")

    def _run(self, partitions: list[int]) -> Any:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        watch_configuration(process="drain")
        return drain_until(stop, partitions=partitions)


def _read_partitions(text: str) -> list[int]:
    """Reads "0-7,12"."""
    partitions: set[int] = set()
    for part in text.split(","):
        match = RANGE.fullmatch(part.strip())
        if match is None:
            raise ArgumentTypeError(f"{part!r} is not like 3 or 0-7.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ArgumentTypeError(f"{part!r} goes backwards.")
        partitions.update(range(first, last + 1))
    return sorted(partitions)
