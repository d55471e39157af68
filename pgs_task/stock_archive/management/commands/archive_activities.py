"""`manage.py archive_activities`: what the clock does every ten seconds, now."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pgs_task.stock_archive.services import archive_activities, count_again
from pgs_web.api.errors import OUTAGES


class Command(BaseCommand):
    help = (
        "Takes what Redis has of activities that are over, and of which nothing can move any more, away; their figures"
        " stay in the database. One pass, as the clock makes it; run it again when it dies."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--again", type=int, metavar="ID", help="clear and count this archived activity once more")
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["again"] is not None and not count_again(options["again"]):
                raise CommandError(f"Activity {options['again']} is not archived.")
            report = archive_activities()
        except OUTAGES as error:
            raise CommandError(f"Broken off: {error}. Run it again: nothing is lost.") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            self.stdout.write(f"archived {report.archived}, counted {report.counted}")
