"""`manage.py create_activity --stock N --price-fen P`."""

import json
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from pgs_data.clock import database_now
from pgs_web.api.errors import Refusal
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import LARGEST_AMOUNT_FEN, ActivityRules
from pgs_web.display.activity.services import create_activity, submit_for_review
from pgs_web.display.activity.states import LeaderLeaves
from pgs_web.trade.stock.sales import advance_sales, schedule_sale
from pgs_web.trade.stock.trial_sku import get_test_sku


class Command(BaseCommand):
    help = (
        "Creates an activity, sends it through review, loads its stock into Redis and schedules it: shoppers can buy "
        "from its start on. Without --sku it sells a test SKU, which is made when it isn't there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stock", type=int, required=True, metavar="N", help="units to sell")
        parser.add_argument("--price-fen", type=int, required=True, metavar="P", help="group price in fen")
        parser.add_argument("--sku", type=int, metavar="ID", help="SKU to sell; default: a test SKU")
        parser.add_argument("--group-size", type=int, default=2, metavar="K", help="paid members needed; default 2")
        parser.add_argument("--member-limit", type=int, default=1, metavar="L", help="units a member; default 1")
        parser.add_argument("--starts-in", type=float, default=0, metavar="S", help="seconds from now; default 0")
        parser.add_argument("--lasts", type=float, default=86_400, metavar="S", help="seconds of sale; default a day")
        parser.add_argument("--group-lasts", type=int, default=86_400, metavar="S", help="seconds; default a day")
        parser.add_argument(
            "--pay-within", type=int, default=900, metavar="S", help="seconds that an unpaid order is held; default 900"
        )
        parser.add_argument(
            "--alone-price-fen", type=int, metavar="P", help="price without a group; default: the SKU's"
        )
        parser.add_argument(
            "--leader-leaves",
            choices=[rule.value for rule in LeaderLeaves],
            default=LeaderLeaves.SUCCESSION.value,
            help="what becomes of a group whose leader leaves; default succession",
        )
        parser.add_argument(
            "--guaranteed-seats", type=int, default=0, metavar="K", help="seats that the merchant fills at a deadline"
        )
        parser.add_argument(
            "--guarantee-cap-fen", type=int, default=0, metavar="F", help="what filling them may cost in all"
        )
        parser.add_argument("--new-seats", type=int, default=0, metavar="K", help="seats of a group for new members")
        parser.add_argument("--play", default="standard", metavar="CODE", help="how it is played; default standard")
        parser.add_argument("--title", default="", help="default: the product's title")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    # Engineers read English, as all of a command's words are; refusals would come in the shop's language.
    @no_translations
    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            activity = self._create(options)
        except ValidationError as error:
            raise CommandError("; ".join(_lines(error))) from error
        except Refusal as refusal:
            raise CommandError(str(refusal.detail)) from refusal
        facts = _describe(activity)
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in facts.items()))

    def _create(self, options: dict[str, Any]) -> Activity:
        sku_id = options["sku"]
        if sku_id is None:
            # A price that can't be one is refused by the rules; the test SKU only needs any valid one.
            sku_id = get_test_sku(price_fen=min(max(options["price_fen"], 1), LARGEST_AMOUNT_FEN // 2)).pk
        try:
            starts_at = database_now("default") + timedelta(seconds=options["starts_in"])
            ends_at = starts_at + timedelta(seconds=options["lasts"])
        except (OverflowError, ValueError) as error:
            raise CommandError(f"--starts-in and --lasts: {error}") from error
        rules = ActivityRules(
            title=options["title"],
            play=options["play"],
            price_fen=options["price_fen"],
            alone_price_fen=options["alone_price_fen"],
            leader_leaves=options["leader_leaves"],
            guaranteed_seats=options["guaranteed_seats"],
            new_seats=options["new_seats"],
            guarantee_cap_fen=options["guarantee_cap_fen"],
            group_size=options["group_size"],
            member_limit=options["member_limit"],
            stock_total=options["stock"],
            starts_at=starts_at,
            ends_at=ends_at,
            group_lasts_seconds=options["group_lasts"],
            pay_within_seconds=options["pay_within"],
        )
        activity = create_activity(sku_id=sku_id, rules=rules, actor="command")
        submit_for_review(activity_id=activity.pk, actor="command")
        # Dying on the way leaves a draft or an activity in review, which sells nothing.
        schedule_sale(activity_id=activity.pk, actor="command", allow_same_person=True)
        if options["starts_in"] <= 0:
            # Shoppers are let in by the window already; this is for who reads the state, and needs no worker to run.
            advance_sales()
        activity.refresh_from_db()
        return activity


def _lines(error: ValidationError) -> list[str]:
    if hasattr(error, "error_dict"):
        return [f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
    return list(error.messages)


def _describe(activity: Activity) -> dict[str, Any]:
    return {
        "activity_id": str(activity.pk),
        "sku_id": str(activity.sku_id),
        "title": activity.title,
        "play": activity.play,
        "state": activity.state,
        "price_fen": activity.price_fen,
        "alone_price_fen": activity.alone_price_fen,
        "group_size": activity.group_size,
        "member_limit": activity.member_limit,
        "stock": activity.stock_total,
        "starts_at": activity.starts_at.isoformat(),
        "ends_at": activity.ends_at.isoformat(),
        "group_lasts_seconds": activity.group_lasts_seconds,
        "pay_within_seconds": activity.pay_within_seconds,
        "leader_leaves": activity.leader_leaves,
        "guaranteed_seats": activity.guaranteed_seats,
        "new_seats": activity.new_seats,
        "guarantee_cap_fen": activity.guarantee_cap_fen,
    }
