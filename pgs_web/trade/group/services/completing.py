"""What follows in the transaction that completes groups, whoever filled the last seat."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from pgs_web.trade.group.errors import GroupChangedMeanwhile
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.services.door import tell_moves
from pgs_web.trade.group.states import GroupState, SeatState


def finish_completed(alias: str, group_ids: Iterable[int], *, actor: str, now: datetime) -> None:
    """Confirms the paid seats of those of the locked groups that have just SUCCEEDED, and tells it."""
    completed = list(Group.objects.on_node(alias).filter(pk__in=list(group_ids), state=GroupState.SUCCEEDED))
    if not completed:
        return
    group_ids = [group.pk for group in completed]
    seats = Seat.objects.on_node(alias).filter(group_id__in=group_ids)
    confirmed = seats.filter(state=SeatState.PAID).update(state=SeatState.CONFIRMED, changed_at=now)
    if confirmed != sum(group.paid_count for group in completed):
        raise GroupChangedMeanwhile(f"{confirmed} paid seats on {alias} in complete groups {group_ids}.")
    order_ids: dict[int, list[int]] = defaultdict(list)
    pairs = seats.filter(state=SeatState.CONFIRMED).order_by("pk").values_list("group_id", "order_id")
    for group_id, order_id in pairs:
        order_ids[group_id].append(order_id)
    tell_moves(completed, from_state=GroupState.FORMING, actor=actor, now=now, order_ids=order_ids)
