"""What assist groups tell across nodes: a helper's coupon is on the helper's node, units are counted in `default`."""

from typing import Any

from pgs_data.messaging.outbox import OutboxDraft
from pgs_web.marketing.assist.models import Round
from pgs_web.marketing.assist.states import CODE
from pgs_web.plays.contract import topic_of

REWARD, RETURN_UNIT = "reward", "return_unit"


def reward_draft(round_: Round, *, helper_id: int) -> OutboxDraft:
    """A helper of the group is due a coupon."""
    return OutboxDraft(
        topic=topic_of(CODE, REWARD), shard_key=round_.pk, payload={"helper_id": helper_id, **_terms(round_)}
    )


def return_draft(round_: Round) -> OutboxDraft:
    """The group has no use of its unit any more, should it have one."""
    payload = {"round_id": round_.pk, "activity_id": round_.activity_id}
    return OutboxDraft(topic=topic_of(CODE, RETURN_UNIT), shard_key=round_.pk, payload=payload)


def _terms(round_: Round) -> dict[str, Any]:
    return {
        "round_id": round_.pk,
        "title": round_.title,
        "amount_fen": round_.reward_fen,
        "threshold_fen": round_.reward_threshold_fen,
        "days": round_.reward_days,
    }
