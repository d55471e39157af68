"""`manage.py relay_outbox`: the process that carries messages from the nodes' outboxes to their handlers."""

import json
import signal
import threading
from argparse import ArgumentParser
from dataclasses import asdict
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_data.messaging.errors import is_outage
from pgs_data.messaging.relay import run_relays
from pgs_data.sharding.slots import node_aliases
from pgs_task.outbox_relay.loops import DeliveryCounts, relay_until_empty
from pgs_task.payment.configuration.watching import watch_configuration
from pgs_task.routes import ROUTES

REPORT_SECONDS = 10.0


class Command(BaseCommand):
    """Relays until it is told to stop, or once."""

    help = (
        "Carries the messages in the nodes' outboxes to their handlers (pgs_task/routes.py): seats of paid orders are "
        "counted, orders of complete groups released, failed ones refunded, stock moved on. Each message is delivered "
        "at least once and deleted after its handler succeeded; one that fails is tried again later, with the reason "
        "in its row. One relay a node works at a time, others wait for it: start as many as you like. SIGTERM or "
        "Ctrl-C ends it after the batch in hand. Without --once it runs for ever and waits out databases that are away."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="Relay what is due on every node and what follows from it, then exit."
        )
        parser.add_argument("--node", metavar="ALIAS", help="Relay this data node only, e.g. node0; default: all.")
        parser.add_argument(
            "--json",
            action="store_true",
            help=(
                "Print JSON: with --once one object a node (read, sent, put_off, failed, unrouted), else an object "
                "every 10 seconds with the messages delivered by topic."
            ),
        )

    def handle(self, *args: Any, once: bool, node: str | None, **options: Any) -> None:
        if node is not None and node not in node_aliases():
            raise CommandError(f"{node} is no data node; they are {', '.join(node_aliases())}.")
        nodes = None if node is None else [node]
        if once:
            self._relay_once(nodes, as_json=options["json"])
        else:
            self._relay_for_ever(nodes, as_json=options["json"])

    def _relay_once(self, nodes: list[str] | None, *, as_json: bool) -> None:
        try:
            reports = relay_until_empty(ROUTES, nodes=nodes)
        except Exception as error:
            if is_outage(error):
                raise CommandError(f"A database or Redis is away: {error}") from error
            raise
        for alias, report in reports.items():
            if as_json:
                self.stdout.write(json.dumps(asdict(report)))
            elif not report.is_holder:
                self.stdout.write(f"{alias}: another relay has it")
            else:
                self.stdout.write(
                    f"{alias}: {report.sent} delivered, {report.put_off} put off, {report.failed} failed,"
                    f" {report.unrouted} without a route"
                )

    def _relay_for_ever(self, nodes: list[str] | None, *, as_json: bool) -> None:
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        counts = DeliveryCounts()
        if as_json:
            threading.Thread(target=self._report, args=(counts, stop), daemon=True).start()
        watch_configuration(process="relay")
        run_relays(counts.counted(ROUTES), stop, nodes=nodes)

    def _report(self, counts: DeliveryCounts, stop: threading.Event) -> None:
        while not stop.wait(REPORT_SECONDS):
            self.stdout.write(json.dumps({"delivered": counts.read()}))
            self.stdout.flush()
