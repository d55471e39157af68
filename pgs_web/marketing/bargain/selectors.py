"""Reads of bargains: who helped, and for who wants a proof."""

from typing import Any

from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.bargain.models import Cutting, Round
from pgs_web.marketing.bargain.schedule import ALGORITHM
from pgs_web.marketing.bargain.states import RoundState
from pgs_web.plays.helping import tell_helpers
from pgs_web.plays.rounds import state_now


def describe_helps(round_: Round) -> list[dict[str, Any]]:
    """Who helped, masked, in the order of the cuts; as many as there are cuts at most."""
    rows = Cutting.objects.on_node(alias_of_id(round_.pk)).filter(round_id=round_.pk).order_by("first_cut")
    return tell_helpers(rows.values("helper_id", "first_cut", "cuts", "cut_fen", "helped_at")[: round_.cuts])


def describe_proof(round_: Round) -> dict[str, Any]:
    """What anybody needs in order to verify the cuts; seed and schedule once nobody can cut any more."""
    is_told = state_now(round_) != RoundState.RUNNING
    return {
        "algorithm": ALGORITHM,
        "commitment": round_.commitment,
        "gap_fen": round_.gap_fen,
        "cuts": round_.cuts,
        "min_cut_fen": round_.min_cut_fen,
        "seed": round_.seed if is_told else None,
        "schedule": round_.schedule() if is_told else None,
        "helps": describe_helps(round_),
    }
