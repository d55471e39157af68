"""A member starts a bargain: the schedule of its cuts is drawn, and its seed's hash is told."""

from datetime import datetime
from typing import Any

from pgs_web.display.activity.models import Activity
from pgs_web.marketing.bargain.errors import NotOnSale, RoundLimit, RoundRunning
from pgs_web.marketing.bargain.models import Round
from pgs_web.marketing.bargain.schedule import commit_seed, draw_seed
from pgs_web.marketing.bargain.services.ending import end_rounds
from pgs_web.marketing.bargain.states import CODE
from pgs_web.plays.rounds import StartRefusals, begin_round
from pgs_web.plays.sales import end_of_round, require_on_sale
from pgs_web.plays.selectors import read_rules_to_start
from pgs_web.plays.switches import require_open
from pgs_web.trade.coupon.models import LONGEST_TITLE
from pgs_web.trade.coupon.terms import LARGEST_FEN


def start_round(*, member_id: int, campaign_id: int, device: str | None) -> int:
    """Starts a bargain under the campaign's present rules and returns its id. `device` (read_device) can't help in it.

    Raises PlayDraining, NotFound, CampaignClosed, DeviceUnknown, NotOnSale, RoundRunning, RoundLimit, Unavailable.
    """
    require_open(CODE)
    snapshot = read_rules_to_start(code=CODE, campaign_id=campaign_id)
    activity = require_on_sale(snapshot.rules["activity_id"], refusal=NotOnSale)
    _require_price(activity, snapshot.rules)
    return begin_round(
        Round,
        member_id=member_id,
        snapshot=snapshot,
        device=device,
        columns=lambda now: _draft(snapshot.rules, activity, now=now),
        end=end_rounds,
        refused=StartRefusals(running=RoundRunning, limit=RoundLimit),
    )


def _require_price(activity: Activity, rules: dict[str, Any]) -> None:
    """The activity's price may have been edited since the rules were made; raises NotOnSale."""
    gap_fen = activity.alone_price_fen - rules["floor_price_fen"]
    if activity.alone_price_fen > LARGEST_FEN or gap_fen < rules["cuts"] * rules["min_cut_fen"]:
        raise NotOnSale


def _draft(rules: dict[str, Any], activity: Activity, *, now: datetime) -> dict[str, Any]:
    seed = draw_seed()
    return {
        "activity_id": activity.pk,
        "title": activity.title[:LONGEST_TITLE],
        "list_price_fen": activity.alone_price_fen,
        "floor_price_fen": rules["floor_price_fen"],
        "cuts": rules["cuts"],
        "min_cut_fen": rules["min_cut_fen"],
        "new_member_cuts": rules["new_member_cuts"],
        "may_buy_early": rules["may_buy_early"],
        "seed": seed,
        "commitment": commit_seed(seed),
        "ends_at": end_of_round(activity, rules, now=now, refusal=NotOnSale),
    }
