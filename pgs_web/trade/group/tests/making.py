"""Groups and seats for tests, written as the drain writes them."""

from datetime import timedelta

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id, new_ids
from pgs_data.sharding.slots import alias_of_id, slot_of_key
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.states import GroupState, SeatState

ACTIVITY_ID = 7001


def make_group(
    *,
    size: int = 2,
    leader_member_id: int = 10,
    lasts: timedelta = timedelta(hours=1),
    activity_id: int = ACTIVITY_ID,
    group_id: int | None = None,
    slot: int | None = None,
) -> Group:
    """A FORMING group without seats, on the leader's node or in the given slot."""
    if group_id is None:
        group_id = new_id(slot=slot_of_key(leader_member_id) if slot is None else slot)
    now = database_now(alias_of_id(group_id))
    group = Group.objects.create(
        id=group_id,
        activity_id=activity_id,
        leader_member_id=leader_member_id,
        size=size,
        price_fen=990,
        rules_version=1,
        state=GroupState.FORMING,
        opened_at=now + min(lasts, timedelta()) - timedelta(seconds=1),
        deadline=now + lasts,
    )
    GroupLog.objects.create(
        group_id=group_id, sequence=1, from_state="", to_state=GroupState.FORMING, actor="drain", at=now
    )
    return group


def make_seat(
    group: Group, *, member_id: int, order_id: int | None = None, state: SeatState = SeatState.HELD, after: int = 0
) -> Seat:
    """A seat that was taken `after` seconds after the group was opened."""
    return Seat.objects.create(
        group_id=group.pk,
        order_id=order_id or new_id(slot=slot_of_key(member_id)),
        member_id=member_id,
        active_member_id=member_id,
        state=state,
        joined_at=group.opened_at + timedelta(seconds=after),
    )


def make_filled_group(
    *, size: int = 2, lasts: timedelta = timedelta(hours=1), slot: int = 0
) -> tuple[Group, list[Seat]]:
    """A group whose seats are all held: the leader's first; members live on different nodes."""
    members = [(number * 210) + 10 for number in range(size)]
    group = make_group(size=size, leader_member_id=members[0], lasts=lasts, slot=slot)
    return group, [make_seat(group, member_id=member, after=place) for place, member in enumerate(members)]


def new_order_ids(count: int, *, member_id: int = 10) -> list[int]:
    """Ids of orders of one member that need no rows."""
    return new_ids(slot=slot_of_key(member_id), count=count)
