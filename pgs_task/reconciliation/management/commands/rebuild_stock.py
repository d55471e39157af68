"""`manage.py rebuild_stock`: a lost stock, recomputed from the orders."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_data.locks import LockHeld
from pgs_task.reconciliation.stock_rebuild import RebuildFailed, rebuild_stock
from pgs_web.display.activity.models import Activity


class Command(BaseCommand):
    help = (
        "Recomputes an activity's stock, holds, limits and running groups in Redis from its orders on all nodes, under "
        "a fenced lock; the activity is paused meanwhile and opened again if it was on sale."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("activity_id", type=int)
        parser.add_argument("--drain-seconds", type=float, default=30, help="how long to wait for the stream's orders")
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rebuilt = rebuild_stock(activity_id=options["activity_id"], drain_seconds=options["drain_seconds"])
        except Activity.DoesNotExist as error:
            raise CommandError(f"There is no activity {options['activity_id']}.") from error
        except (RebuildFailed, LockHeld) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(rebuilt)))
        else:
            self.stdout.write(", ".join(f"{name} {value}" for name, value in asdict(rebuilt).items()))
