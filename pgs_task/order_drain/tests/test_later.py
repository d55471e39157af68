"""Orders that wait for a node wait beside, keep nobody else waiting, and are counted once, whoever dies."""

from typing import Any

import msgspec
import pytest
from django.db import OperationalError

from pgs_data.clock import from_ms
from pgs_data.ids.texts import short_id
from pgs_data.lua.blobs import pack, unpack
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import alias_of_id
from pgs_task.order_drain import persisting, queue
from pgs_task.order_drain.keys import ONLY, later_key
from pgs_task.order_drain.queue import read_open_orders, trim_intake
from pgs_task.order_drain.scripts import Counted, EntryVerdict, ack_entries
from pgs_task.order_drain.tests.making import counters, drain, facts_in_stream, later, pending
from pgs_task.reconciliation.checks.events import (
    flow_adds_up,
    nothing_accepted_is_lost,
    streams_keep_what_is_open,
)
from pgs_task.reconciliation.quiet import find_restless
from pgs_web.trade.group.models import Seat
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key, set_aside_key
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

# The consumer drops old connections, and with them the transaction that another kind of test runs in.
pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

ON_NODE0, ON_NODE1, ON_NODE2 = range(1, 6), range(251, 256), range(501, 506)


@pytest.fixture
def outage(monkeypatch):
    """Nodes named in the set are away."""
    away: set[str] = set()
    write_rows = persisting.write_rows

    def fail(alias, parts, *, way):
        if alias in away:
            raise OperationalError(2006, "gone away")
        return write_rows(alias, parts, way=way)

    monkeypatch.setattr(persisting, "write_rows", fail)
    return away


def admit_on_all_nodes(activity) -> dict[str, list[int]]:
    """One entry with five orders on each node, one group a member; order ids by node."""
    members = [member for trio in zip(ON_NODE0, ON_NODE1, ON_NODE2, strict=True) for member in trio]
    orders = [make_admission(activity, member_id=member) for member in members]
    admit(*orders)
    found: dict[str, list[int]] = {}
    for order in orders:
        found.setdefault(alias_of_id(order.order_id), []).append(order.order_id)
    return found


def written(ids: list[int]) -> int:
    return Order.objects.on_node(alias_of_id(ids[0])).filter(pk__in=ids).count()


def test_a_node_that_is_away_keeps_its_orders_of_an_entry_and_no_others(outage):
    activity = make_sale(stock=50)
    by_node = admit_on_all_nodes(activity)
    outage.add("node1")
    assert drain(activity).persisted == 10
    assert [written(ids) for ids in by_node.values()] == [5, 0, 5]
    assert later(activity) == {"node1": [by_node["node1"]]}
    assert counters(activity) == {"accepted": 15, "persisted": 10, "rejected": 0, "foreign": 0}
    partition = partition_of(activity.pk)
    client = ledger(partition)
    assert client.hget(flow_key(partition), "later") == b"5"
    # The fresh stream moves on: nothing of it is pending.
    assert client.xpending(intake_key(partition), INTAKE_GROUP)["pending"] == 0
    trim_intake(partitions=[partition])
    assert not list(streams_keep_what_is_open.find_offenders())
    assert any("5 orders are not written" in line for line in find_restless())
    assert read_open_orders(partition) >= set(by_node["node1"])
    outage.clear()
    assert drain(activity, claim_idle_ms=1).persisted == 5
    assert [written(ids) for ids in by_node.values()] == [5, 5, 5]
    assert counters(activity) == {"accepted": 15, "persisted": 15, "rejected": 0, "foreign": 0}
    assert client.hget(flow_key(partition), "later") == b"0"
    assert pending(activity) == 0
    trim_intake(partitions=[partition])
    assert later(activity) == {}
    assert not list(flow_adds_up.find_offenders())


def test_orders_that_wait_are_lost_for_nobody_who_looks(outage):
    """Without a look into the streams of later, E4 would cry, and quiet would come too early."""
    activity = make_sale(stock=50)
    admit_on_all_nodes(activity)
    outage.add("node1")
    drain(activity)
    partition = partition_of(activity.pk)
    trim_intake(partitions=[partition])
    assert not list(streams_keep_what_is_open.find_offenders())
    assert any(later_key(partition, "node1") in line for line in find_restless())
    # The negative control: they are the only place where these orders still are.
    ledger(partition).delete(later_key(partition, "node1"))
    (offence,) = streams_keep_what_is_open.find_offenders()
    assert f"partition {partition} lost at least 5 orders" in offence


@pytest.mark.parametrize("place", ["before", "after"])
def test_dead_around_the_acknowledgement(outage, monkeypatch, place):
    activity = make_sale(stock=50)
    by_node = admit_on_all_nodes(activity)
    outage.add("node2")

    class KilledError(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    def die(**arguments):
        if place == "after":
            ack_entries(**arguments)
        raise KilledError

    with monkeypatch.context() as dying:
        dying.setattr(queue, "ack_entries", die)
        with pytest.raises(KilledError):
            drain(activity)
    for _ in range(2):
        drain(activity, claim_idle_ms=1)
    assert counters(activity) == {"accepted": 15, "persisted": 10, "rejected": 0, "foreign": 0}
    assert later(activity) == {"node2": [by_node["node2"]]}
    outage.clear()
    drain(activity, claim_idle_ms=1)
    assert counters(activity) == {"accepted": 15, "persisted": 15, "rejected": 0, "foreign": 0}
    assert [written(ids) for ids in by_node.values()] == [5, 5, 5]


def test_acknowledging_before_writing_would_be_noticed():
    """The negative control of the tests with deaths: what they look at tells a loss."""
    activity = make_sale(stock=50)
    admit_on_all_nodes(activity)
    partition = partition_of(activity.pk)
    client, stream = ledger(partition), intake_key(partition)
    client.xgroup_create(stream, INTAKE_GROUP, id="0")
    answer: Any = client.xreadgroup(INTAKE_GROUP, "dies", {stream: ">"})
    ((_name, ((entry, _fields),)),) = answer
    verdicts = {entry.decode(): EntryVerdict(persisted=15)}
    ack_entries(partition=partition, source=stream, verdicts=verdicts, rate=0)
    drain(activity, claim_idle_ms=1)
    lost = list(nothing_accepted_is_lost.find_offenders())
    assert len(lost) == 15
    assert "no node has it" in lost[0]


def test_the_same_acknowledgement_again_moves_nothing():
    activity = make_sale(stock=50)
    admit(make_admission(activity, member_id=1))
    partition = partition_of(activity.pk)
    client, stream = ledger(partition), intake_key(partition)
    client.xgroup_create(stream, INTAKE_GROUP, id="0")
    answer: Any = client.xreadgroup(INTAKE_GROUP, "one", {stream: ">"})
    ((_name, ((entry, _fields),)),) = answer
    verdicts = {entry.decode(): EntryVerdict(persisted=2, rejected=[(7, "not_writable")], left={"node1": [8, 9]})}
    first = ack_entries(partition=partition, source=stream, verdicts=verdicts, rate=0)
    assert first == Counted(2, 1, 2)
    for _ in range(3):
        assert ack_entries(partition=partition, source=stream, verdicts=verdicts, rate=0) == Counted(0, 0, 0)
    assert counters(activity) == {"accepted": 1, "persisted": 2, "rejected": 1, "foreign": 0}
    assert client.xlen(later_key(partition, "node1")) == 1
    assert client.xlen(set_aside_key(partition)) == 1


def test_poison_inside_an_entry_is_rejected_alone():
    activity = make_sale(stock=50)
    by_node = admit_on_all_nodes(activity)
    used, torn = facts_in_stream(activity)[3], facts_in_stream(activity)[7]
    # The ledger remembers a key for some days, the database for good.
    Order.objects.create(
        id=used.id + 1, member_id=used.member_id, idempotency_key=used.idempotency_key, activity_id=1, sku_id=1,
        merchant_id=1, mode="alone", quantity=1, unit_price_fen=1, amount_fen=1, address_id=1,
        state=OrderState.COMPLETED, accepted_at=from_ms(1), pay_by=from_ms(2),
    )  # fmt: skip
    client, stream = ledger(partition_of(activity.pk)), intake_key(partition_of(activity.pk))
    ((_entry, fields),) = client.xrange(stream)
    client.delete(stream)
    values = unpack(fields[b"orders"])
    # A member of another slot than the order's id says.
    values[values.index(short_id(torn.id)) + 2] = "9999"
    client.xadd(stream, {**fields, b"orders": pack(values)})
    one = drain(activity)
    assert (one.persisted, one.rejected) == (13, 2)
    assert counters(activity) == {"accepted": 15, "persisted": 13, "rejected": 2, "foreign": 0}
    aside = client.xrange(set_aside_key(partition_of(activity.pk)))
    found = {int(fields[b"order"]): fields[b"reason"] for _id, fields in aside}
    assert found == {used.id: b"idempotency_key_reused", torn.id: b"contradictory"}
    # The entry, which may be large, is kept once.
    assert sum(b"orders" in fields for _id, fields in aside) == 1
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock) == (37, 13)
    assert sum(written(ids) for ids in by_node.values()) == 13
    assert pending(activity) == 0


def test_entries_of_one_order_and_of_many_beside_each_other(outage):
    activity = make_sale(stock=50)
    by_node = admit_on_all_nodes(activity)
    client, stream = ledger(partition_of(activity.pk)), intake_key(partition_of(activity.pk))
    documents = documents_of(activity)
    client.delete(stream)
    for document in documents:
        # As an intake of before appended them.
        client.xadd(stream, {"d": msgspec.msgpack.encode(document)})
    admit(*(make_admission(activity, member_id=member) for member in (7, 257, 507)))
    assert client.xlen(stream) == 16
    outage.add("node0")
    drain(activity)
    assert counters(activity)["persisted"] == 12
    assert sum(map(len, later(activity)["node0"])) == 6
    outage.clear()
    drain(activity, claim_idle_ms=1)
    assert counters(activity) == {"accepted": 18, "persisted": 18, "rejected": 0, "foreign": 0}
    assert [written(ids) for ids in by_node.values()] == [5, 5, 5]


def test_from_one_nodes_stream_to_anothers(outage):
    """The order's node comes back when its group's goes: the order waits for the second one, and for it only."""
    activity = make_sale(stock=9, group_size=3)
    first = make_admission(activity, member_id=501)
    admit(first, make_admission(activity, member_id=1, join=first.open_group_id))
    leader, joiner = facts_in_stream(activity)
    outage.add("node0")
    drain(activity)
    assert later(activity) == {"node0": [[joiner.id]]}
    outage.clear()
    outage.add("node2")
    assert drain(activity, claim_idle_ms=1).persisted == 0
    partition = partition_of(activity.pk)
    trim_intake(partitions=[partition])
    assert later(activity) == {"node2": [[joiner.id]]}
    ((_id, fields),) = ledger(partition).xrange(later_key(partition, "node2"))
    assert fields[ONLY.encode()] == str(joiner.id).encode()
    outage.clear()
    assert drain(activity, claim_idle_ms=1).persisted == 1
    assert Seat.objects.filter(group_id=leader.group.id).count() == 2
    assert counters(activity) == {"accepted": 2, "persisted": 2, "rejected": 0, "foreign": 0}
    assert ledger(partition).hget(flow_key(partition), "later") == b"0"


def test_the_told_rate_is_how_fast_the_fresh_orders_move():
    activity = make_sale(stock=50)
    partition = partition_of(activity.pk)
    client, stream, flow = ledger(partition), intake_key(partition), flow_key(partition)
    for member in range(1, 4):
        admit(make_admission(activity, member_id=member))
    client.xgroup_create(stream, INTAKE_GROUP, id="0")
    answer: Any = client.xreadgroup(INTAKE_GROUP, "one", {stream: ">"})
    ((_name, entries),) = answer
    ids = [entry.decode() for entry, _fields in entries]
    client.hset(flow, mapping={"accepted": 10_000})

    def ack(entry: str, persisted: int, rate: int) -> int:
        ack_entries(partition=partition, source=stream, verdicts={entry: EntryVerdict(persisted=persisted)}, rate=rate)
        return int(client.hget(flow, "rate"))

    # The first batch of a rush: what it took is all that is known.
    assert ack(ids[0], 500, 700) == 700
    # Two drains share the work: 3000 orders in the two seconds since, whatever each batch took.
    since = int(client.hget(flow, "rate_from_ms"))
    client.hset(flow, "rate_from_ms", since - 2000)
    measured = ack(ids[1], 3000, 40)
    assert 1000 <= measured <= 1100
    # All written: the pause until the next rush is no slowness.
    client.hset(flow, "accepted", 3501)
    ack(ids[2], 1, 0)
    assert not client.hexists(flow, "rate_from_ms")
    assert int(client.hget(flow, "rate")) == measured
