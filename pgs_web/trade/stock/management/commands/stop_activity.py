"""`manage.py stop_activity ID`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from pgs_web.api.errors import Refusal
from pgs_web.trade.stock.sales import stop_sale


class Command(BaseCommand):
    help = (
        "Ends an activity that has begun, or withdraws one that has not, in the database and in Redis. From then on "
        "nobody can buy; orders, payments and groups that exist go on. One that is over stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("activity_id", type=int, metavar="ID", help="the activity's id")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    # Engineers read English, as all of a command's words are; refusals would come in the shop's language.
    @no_translations
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            activity = stop_sale(activity_id=options["activity_id"], actor="command", reason="stop_activity")
        except Refusal as refusal:
            raise CommandError(str(refusal.detail)) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"activity_id": str(activity.pk), "state": activity.state}))
        else:
            self.stdout.write(f"Activity {activity.pk} is {activity.state}.")
