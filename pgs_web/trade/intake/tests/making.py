"""Orders on their way in, for tests."""

import itertools

from pgs_data.ids.snowflake import new_id, new_ids
from pgs_data.lua.loader import run_command
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, partition_within, partitions_of, spread_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.documents import OrderDocument, read_entry
from pgs_web.trade.intake.keys import intake_key
from pgs_web.trade.intake.messages import Admission, AdmitReply, Admitted, Claim
from pgs_web.trade.intake.scripts import admit_orders, claim_keys
from pgs_web.trade.order.wishes import Wishes
from pgs_web.trade.stock.limits import (
    LimitReply,
    find_limit_place,
    make_away_order,
    read_limit_replies,
    reserve_limits_command,
)
from pgs_web.trade.stock.messages import SettleMovement, SettleReply
from pgs_web.trade.stock.services import Settlement, settle_holds

_numbers = itertools.count(1)
DEFAULTS = Wishes()


def make_admission(
    activity: Activity,
    *,
    member_id: int = 1,
    quantity: int = 1,
    join: int | None = None,
    alone: bool = False,
    order_id: int | None = None,
    key: str | None = None,
    wishes: Wishes = DEFAULTS,
) -> Admission:
    """An order of a member; without `join` and `alone` it opens a group."""
    order_id = order_id or _new_id_beside(join or member_id, activity, slot=slot_of_key(member_id))
    opens = join is None and not alone
    return Admission(
        order_id=order_id,
        activity_id=activity.pk,
        member_id=member_id,
        quantity=quantity,
        join_group_id=join,
        open_group_id=_new_id_beside(order_id, activity, slot=slot_of_id(order_id)) if opens else None,
        address_id=7,
        idempotency_key=key or f"key-{next(_numbers)}",
        trace_id="trace-of-test",
        wishes=wishes.code,
    )


def admit(*orders: Admission) -> list[Admitted]:
    """Verdicts on orders of one activity, judged in one call."""
    for order in orders:
        _take_from_limit(order)
    return admit_orders(partition=partition_within(orders[0].activity_id, orders[0].order_id), orders=orders)


def accept_alone(activity: Activity, *, member_id: int, key: str) -> int:
    """An order that is on its way to the database, its key claimed; its id."""
    order = claim_alone(activity, member_id=member_id, key=key)
    assert admit(order)[0].reply is AdmitReply.ADMITTED
    return order.order_id


def claim_alone(activity: Activity, *, member_id: int, key: str) -> Admission:
    """An order that has its key and nothing else: refused for its address, say."""
    order = make_admission(activity, member_id=member_id, alone=True, key=key)
    claim = Claim(member_id=member_id, key=key, digest="digest", order_id=order.order_id, activity_id=activity.pk)
    claim_keys(partition=partition_of(member_id), claims=[claim])
    return order


def reject(activity: Activity, order_id: int) -> None:
    """No database takes it."""
    given_up = Settlement(
        activity_id=activity.pk, order_id=order_id, movement=SettleMovement.REJECT, reason="not_writable"
    )
    assert settle_holds(settlements=[given_up]) == [SettleReply.APPLIED]


def _new_id_beside(part_id: int, activity: Activity, *, slot: int) -> int:
    """A new id in the bucket of another one, where the activity is spread."""
    spread = spread_of(activity.pk)
    if spread == 1:
        return new_id(slot=slot)
    return next(one for one in new_ids(slot=slot, count=2 * spread) if (one - part_id) % spread == 0)


def _take_from_limit(order: Admission) -> None:
    """As the receiving service does it for an order in another bucket than its member's."""
    place = find_limit_place(order.activity_id, member_id=order.member_id, part_id=order.order_id)
    if place is not None:
        away = make_away_order(
            order.activity_id, order_id=order.order_id, member_id=order.member_id, quantity=order.quantity
        )
        reply = run_command(ledger(place), reserve_limits_command(place, [away]))
        assert read_limit_replies(reply) == [LimitReply.RESERVED]


def documents_of(activity: Activity) -> list[OrderDocument]:
    """Documents of the activity's own orders in the stream that it shares with others."""
    found = [read_entry({name.decode(): value for name, value in fields.items()}) for _, fields in stream_of(activity)]
    assert not any(entry.unreadable for entry in found)
    return [one for entry in found for one in entry.documents if one.activity_id == str(activity.pk)]


def stream_of(activity: Activity) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of the activity's intake stream."""
    return [
        entry for partition in partitions_of(activity.pk) for entry in ledger(partition).xrange(intake_key(partition))
    ]
