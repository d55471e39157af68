"""`manage.py read_stock`: an activity's stock as Redis has it now."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_data.redis.connections import RedisUnavailable
from pgs_web.display.activity.selectors import find_archived
from pgs_web.trade.stock.selectors import read_stock


class Command(BaseCommand):
    help = "Prints an activity's total, remain, lock, sold and version, read from Redis in one command."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("activity_id", type=int)
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        activity_id = options["activity_id"]
        try:
            stock = read_stock(activity_id)
        except RedisUnavailable as error:
            raise CommandError(f"Redis with the activity's partition does not answer: {error}") from error
        if stock is None:
            if find_archived([activity_id]):
                raise CommandError(f"Activity {activity_id} is archived: its final stock is in the back office.")
            raise CommandError(f"Activity {activity_id} has no stock in Redis: schedule it, or run rebuild_stock.")
        figures = {"activity_id": str(activity_id), **asdict(stock)}
        if options["json"]:
            self.stdout.write(json.dumps(figures))
        else:
            self.stdout.write(", ".join(f"{name} {value}" for name, value in figures.items()))
