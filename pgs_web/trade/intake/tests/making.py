"""Orders on their way in, for tests."""

import itertools

from pgs_data.ids.snowflake import new_id
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.display.activity.models import Activity
from pgs_web.trade.intake.documents import OrderDocument, read_entry
from pgs_web.trade.intake.keys import intake_key
from pgs_web.trade.intake.messages import Admission, Admitted
from pgs_web.trade.intake.scripts import admit_orders

_numbers = itertools.count(1)


def make_admission(
    activity: Activity,
    *,
    member_id: int = 1,
    quantity: int = 1,
    join: int | None = None,
    alone: bool = False,
    order_id: int | None = None,
    key: str | None = None,
) -> Admission:
    """An order of a member; without `join` and `alone` it opens a group."""
    order_id = order_id or new_id(slot=slot_of_key(member_id))
    opens = join is None and not alone
    return Admission(
        order_id=order_id,
        activity_id=activity.pk,
        member_id=member_id,
        quantity=quantity,
        join_group_id=join,
        open_group_id=new_id(slot=slot_of_id(order_id)) if opens else None,
        address_id=7,
        idempotency_key=key or f"key-{next(_numbers)}",
        trace_id="trace-of-test",
    )


def admit(*orders: Admission) -> list[Admitted]:
    """Verdicts on orders of one activity, judged in one call."""
    return admit_orders(partition=partition_of(orders[0].activity_id), orders=orders)


def documents_of(activity: Activity) -> list[OrderDocument]:
    """Documents of the activity's own orders in the stream that it shares with others."""
    found = [read_entry({name.decode(): value for name, value in fields.items()}) for _, fields in stream_of(activity)]
    assert not any(entry.unreadable for entry in found)
    return [one for entry in found for one in entry.documents if one.activity_id == str(activity.pk)]


def stream_of(activity: Activity) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries of the activity's intake stream."""
    partition = partition_of(activity.pk)
    return ledger(partition).xrange(intake_key(partition))
