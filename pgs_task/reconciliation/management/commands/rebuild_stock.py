"""`manage.py rebuild_stock`: a lost stock, recomputed from the orders."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_data.locks import LeaseLost, LockHeld
from pgs_task.reconciliation.stock_rebuild import RebuildFailed, rebuild_stock
from pgs_web.api.errors import OUTAGES
from pgs_web.display.activity.models import Activity
from pgs_web.trade.stock.errors import SaleBusy

BROKEN_OFF: tuple[type[Exception], ...] = (LeaseLost, *OUTAGES)
AGAIN = "Run it again: until then nobody can buy, and nothing is lost."


class Command(BaseCommand):
    help = (
        "Recomputes an activity's stock, holds, limits and running groups in Redis from its orders on all nodes, under "
        "a fenced lock; the activity is paused meanwhile and opened again if it was on sale. Run it again when it dies."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("activity_id", type=int)
        parser.add_argument("--drain-seconds", type=float, default=30, help="how long to wait for the stream's orders")
        parser.add_argument("--total", type=_units, help="units for sale, when the known total is lost or too small")
        parser.add_argument("--resume", action="store_true", help="open it afterwards, also if an operator paused it")
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        activity_id = options["activity_id"]
        try:
            rebuilt = rebuild_stock(
                activity_id=activity_id,
                drain_seconds=options["drain_seconds"],
                total=options["total"],
                resume=options["resume"],
            )
        except Activity.DoesNotExist as error:
            raise CommandError(f"There is no activity {activity_id}.") from error
        except RebuildFailed as error:
            raise CommandError(str(error)) from error
        except LockHeld as error:
            seconds = error.retry_after_ms / 1000
            raise CommandError(
                f"The stock of activity {activity_id} is being rebuilt by somebody else, or a rebuild has just died;"
                f" try again in {seconds:.0f} s."
            ) from error
        except SaleBusy as error:
            raise CommandError(f"{error.detail} {AGAIN}") from error
        except BROKEN_OFF as error:
            raise CommandError(f"The rebuild was broken off: {error}. {AGAIN}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(rebuilt)))
        else:
            self.stdout.write(", ".join(f"{name} {value}" for name, value in asdict(rebuilt).items()))


def _units(text: str) -> int:
    units = int(text)
    if not 0 <= units <= 100_000_000:
        raise ValueError(text)
    return units
