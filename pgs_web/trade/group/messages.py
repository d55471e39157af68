"""What the outbox says about groups and their seats."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pgs_data.clock import to_ms
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import GroupState


class GroupTopic(StrEnum):
    FORMED = "group.formed"  # opened by its leader; written by the drain
    SUCCEEDED = "group.succeeded"
    FAILED = "group.failed"
    SETTLED = "group.settled"
    EXTENDED = "group.extended"  # its deadline was moved
    SEAT_LEFT = "seat.left"  # a paid member asked for the money back before the group was complete


TOPIC_OF_ARRIVAL: dict[GroupState, GroupTopic] = {
    GroupState.FORMING: GroupTopic.FORMED,
    GroupState.SUCCEEDED: GroupTopic.SUCCEEDED,
    GroupState.FAILED: GroupTopic.FAILED,
    GroupState.SETTLED: GroupTopic.SETTLED,
}


def describe_group(group: Group, *, at: datetime, order_ids: Sequence[int] = ()) -> dict[str, Any]:
    """Payload of the group topics; order_ids are the confirmed ones of a group that succeeded. Times in ms."""
    return {
        "group_id": group.pk,
        "activity_id": group.activity_id,
        "leader_member_id": group.leader_member_id,
        "size": group.size,
        "state": str(group.state),
        "reason": group.reason,
        "order_ids": list(order_ids),
        "at_ms": to_ms(at),
    }


def describe_seat(seat: Seat, *, at: datetime) -> dict[str, Any]:
    """Payload of `seat.left`."""
    return {
        "group_id": seat.group_id,
        "order_id": seat.order_id,
        "member_id": seat.member_id,
        "at_ms": to_ms(at),
    }


def describe_extension(group: Group, *, deadline: datetime) -> dict[str, Any]:
    """Payload of `group.extended`: its new deadline, in ms."""
    return {
        "group_id": group.pk,
        "activity_id": group.activity_id,
        "deadline_ms": to_ms(deadline),
    }
