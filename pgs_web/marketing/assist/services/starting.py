"""A member starts an assist group."""

from datetime import datetime
from typing import Any

from pgs_data.sharding.slots import alias_of_slot, slot_of_key
from pgs_web.api.errors import OUTAGES
from pgs_web.display.activity.models import Activity
from pgs_web.marketing.assist.errors import NotOnSale, RoundLimit, RoundRunning, SoldOut, WonBefore
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.services.ending import end_rounds
from pgs_web.marketing.assist.services.units import return_start, take_start, units_left
from pgs_web.marketing.assist.states import CODE, ENTITLED
from pgs_web.plays.rounds import StartRefusals, begin_round
from pgs_web.plays.sales import end_of_round, require_on_sale
from pgs_web.plays.selectors import read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.coupon.models import LONGEST_TITLE
from pgs_web.trade.coupon.terms import LARGEST_FEN

COPIED = (
    *("needed", "price_fen", "is_freight", "units", "returns_units"),
    *("reward_fen", "reward_threshold_fen", "reward_days"),
)


def start_round(*, member_id: int, campaign_id: int, device: str | None) -> int:
    """Starts a group under the campaign's present rules and returns its id. `device` (read_device) can't help in it.

    Raises PlayDraining, NotFound, CampaignClosed, DeviceUnknown, NotOnSale, SoldOut, WonBefore, RoundRunning,
    RoundLimit, CampaignFull, Unavailable.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    rules = snapshot.rules
    activity = require_on_sale(rules["activity_id"], refusal=NotOnSale)
    # The activity's price may have been edited since the rules were made.
    if not rules["price_fen"] < activity.alone_price_fen <= LARGEST_FEN:
        raise NotOnSale
    if not units_left(activity_id=activity.pk, units=rules["units"]):
        raise SoldOut
    _require_no_unit(member_id, activity.pk)
    take_start(campaign_id=campaign_id, most=rules["rounds"])
    try:
        return begin_round(
            Round,
            member_id=member_id,
            snapshot=snapshot,
            device=device,
            columns=lambda now: _draft(rules, activity, now=now),
            end=end_rounds,
            refused=StartRefusals(running=RoundRunning, limit=RoundLimit),
        )
    except OUTAGES:
        # It may be committed: better one start too many than a coupon too many.
        raise
    except BaseException:
        return_start(campaign_id=campaign_id)
        raise


def _require_no_unit(member_id: int, activity_id: int) -> None:
    """Spares a member helps that lead nowhere; at the last help the constraint decides. Raises WonBefore."""
    rows = Round.objects.on_node(alias_of_slot(slot_of_key(member_id)))
    if rows.filter(member_id=member_id, entitled_to=activity_id, state__in=ENTITLED).exists():
        raise WonBefore


def _draft(rules: dict[str, Any], activity: Activity, *, now: datetime) -> dict[str, Any]:
    return {
        "activity_id": activity.pk,
        "title": activity.title[:LONGEST_TITLE],
        "list_price_fen": activity.alone_price_fen,
        **{name: rules[name] for name in COPIED},
        "ends_at": end_of_round(activity, rules, now=now, refusal=NotOnSale),
    }
