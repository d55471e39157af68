"""Groups in the ledger, for tests that look at them or damage them."""

from typing import Any

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.group.keys import groups_key, old_group_key
from pgs_web.trade.group.packed import PackedGroup


def read_group(activity_id: int, group_id: int) -> PackedGroup:
    """The group as admission sees it."""
    packed: Any = ledger(partition_of(activity_id)).hget(
        groups_key(activity_id=activity_id, group_id=group_id), str(group_id)
    )
    assert packed is not None
    return PackedGroup.unpack(packed)


def write_group(activity_id: int, group_id: int, group: PackedGroup) -> None:
    """Puts it in the place of what is there."""
    client = ledger(partition_of(activity_id))
    client.hset(groups_key(activity_id=activity_id, group_id=group_id), str(group_id), group.pack())


def change_group(activity_id: int, group_id: int, **changes: Any) -> None:
    """Changes some facts of a group that is there."""
    write_group(activity_id, group_id, read_group(activity_id, group_id)._replace(**changes))


def lose_group(activity_id: int, group_id: int) -> None:
    """As if it had expired."""
    client = ledger(partition_of(activity_id))
    client.hdel(groups_key(activity_id=activity_id, group_id=group_id), str(group_id))


def write_out_seats(activity_id: int, group_id: int) -> None:
    """Writes the orders of its seats as the second version of the ledger did."""
    group = read_group(activity_id, group_id)
    head, _, _ = group.pack().rpartition("|")
    seats = "".join(f",{member}:{order}" for member, order in group.seats.items())
    client = ledger(partition_of(activity_id))
    client.hset(groups_key(activity_id=activity_id, group_id=group_id), str(group_id), f"{head}|{seats}")


def make_old(activity_id: int, group_id: int) -> str:
    """Writes the group as the first version of the ledger had it, in the place of the new one; the key."""
    group = read_group(activity_id, group_id)
    lose_group(activity_id, group_id)
    key = old_group_key(activity_id=activity_id, group_id=group_id)
    ledger(partition_of(activity_id)).hset(
        key,
        mapping={
            "activity_id": group.activity_id,
            "size": group.size,
            "held": group.held,
            "deadline_ms": group.deadline_ms,
            "closed": int(group.is_closed),
            "price_fen": group.price_fen,
            "rules_version": group.rules_version,
            "pay_within_ms": group.pay_within_ms,
            "leader_member_id": group.leader_member_id,
            "opened_ms": group.opened_ms,
            **{f"m:{member}": order for member, order in group.seats.items()},
        },
    )
    return key
