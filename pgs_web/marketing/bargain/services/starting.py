"""A member starts a bargain: the schedule of its cuts is drawn, and its seed's hash is told."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import DatabaseNow, database_now
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.ids.snowflake import new_id
from pgs_data.sharding.slots import slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.errors import NotOnSale, RoundLimit, RoundRunning
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.schedule import commit_seed, draw_seed
from pgs_web.marketing.bargain.services.ending import end_rounds
from pgs_web.marketing.bargain.services.selling import require_on_sale
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.eligibility.devices import index_device
from pgs_web.plays.eligibility.errors import DeviceUnknown
from pgs_web.plays.selectors import RulesSnapshot, read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.coupon.models import LONGEST_TITLE
from pgs_web.trade.coupon.terms import LARGEST_FEN


def start_round(*, member_id: int, campaign_id: int, device: str | None) -> int:
    """Starts a bargain under the campaign's present rules and returns its id. `device` (read_device) can't help in it.

    Raises PlayDraining, NotFound, CampaignClosed, DeviceUnknown, NotOnSale, RoundRunning, RoundLimit, Unavailable.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    if device is None:
        raise DeviceUnknown
    activity = _require_price(require_on_sale(snapshot.rules["activity_id"]), snapshot.rules)
    try:
        round_id = new_id(slot=slot_of_key(member_id))
    except IdSourceUnavailable as error:
        raise Unavailable from error
    try:
        with node_transaction(round_id) as alias:
            rounds = Round.objects.on_node(alias).filter(member_id=member_id, campaign_id=campaign_id)
            # Its member sees it EXPIRED already, whenever the job comes.
            overdue = rounds.filter(running_in=campaign_id, ends_at__lte=DatabaseNow())
            end_rounds(alias, list(overdue.values_list("pk", flat=True)))
            ordinal = rounds.count() + 1
            if ordinal > snapshot.rules["rounds_a_member"]:
                raise RoundLimit
            # Of two starts at once the constraints refuse one.
            draft = _draft(round_id, snapshot, activity, ordinal=ordinal, now=database_now(alias))
            started = Round(member_id=member_id, initiator_device=index_device(device), **draft)
            Round.objects.bulk_create([started])
    except IntegrityError as error:
        raise RoundRunning from error
    return round_id


def _require_price(activity: Activity, rules: dict[str, Any]) -> Activity:
    """The activity's price may have been edited since the rules were made; raises NotOnSale."""
    gap_fen = activity.alone_price_fen - rules["floor_price_fen"]
    if activity.alone_price_fen > LARGEST_FEN or gap_fen < rules["cuts"] * rules["min_cut_fen"]:
        raise NotOnSale
    return activity


def _require_time(activity: Activity, rules: dict[str, Any], *, now: datetime) -> datetime:
    """When the bargain ends, so that who reaches the price last still has all the time to buy; raises NotOnSale."""
    last = activity.ends_at - timedelta(minutes=rules["pay_minutes"])
    if last <= now:
        raise NotOnSale(_("The sale ends too soon for a new bargain."))
    return min(now + timedelta(minutes=rules["minutes"]), last)


def _draft(
    round_id: int, snapshot: RulesSnapshot, activity: Activity, *, ordinal: int, now: datetime
) -> dict[str, Any]:
    rules, seed = snapshot.rules, draw_seed()
    return {
        "id": round_id,
        "campaign_id": snapshot.campaign_id,
        "rules_version": snapshot.version,
        "running_in": snapshot.campaign_id,
        "ordinal": ordinal,
        "activity_id": activity.pk,
        "title": activity.title[:LONGEST_TITLE],
        "list_price_fen": activity.alone_price_fen,
        "floor_price_fen": rules["floor_price_fen"],
        "cuts": rules["cuts"],
        "min_cut_fen": rules["min_cut_fen"],
        "new_member_cuts": rules["new_member_cuts"],
        "may_buy_early": rules["may_buy_early"],
        "pay_seconds": rules["pay_minutes"] * 60,
        "seed": seed,
        "commitment": commit_seed(seed),
        "state": RoundState.RUNNING,
        "started_at": now,
        "ends_at": _require_time(activity, rules, now=now),
    }
