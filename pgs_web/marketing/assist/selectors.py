"""Reads of assist groups: who helped, and the coupon that a helper gets."""

from typing import Any

from django.db.models import F

from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.services.units import units_left
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.helping import tell_helpers


def describe_helps(round_: Round) -> list[dict[str, Any]]:
    """Who helped, masked, in their order; as many as are needed at most. Nobody, long after the campaign was closed
    (plays/forgetting.py)."""
    rows = Help.objects.on_node(alias_of_id(round_.pk)).filter(round_id=round_.pk).order_by("pk")
    return tell_helpers(rows.values("helper_id", helped_at=F("created_at"))[: round_.needed])


def describe_reward(round_: Round) -> dict[str, Any] | None:
    """The coupon that each helper gets; None when there is none."""
    if not round_.reward_fen:
        return None
    return {
        "amount_fen": round_.reward_fen,
        "threshold_fen": round_.reward_threshold_fen,
        "days": round_.reward_days,
    }


def count_units_left(round_: Round) -> int:
    """Units that nobody has at the moment."""
    return units_left(activity_id=round_.activity_id, units=round_.units)
