"""Documents become rows, once, each on its node."""

from datetime import timedelta

import msgspec
import pytest
from django.db import OperationalError

from pgs_data.clock import from_ms, to_ms
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import alias_of_id, node_aliases
from pgs_task.order_drain import persisting
from pgs_task.order_drain.facts import EntryFacts, RejectReason, read_facts
from pgs_task.order_drain.persisting import persist_orders
from pgs_task.order_drain.tests.making import MEMBERS_ON_THREE_NODES, facts_in_stream
from pgs_web.trade.group.models import Group, GroupLog, Seat
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.intake.documents import LaterVersion, OrderDocument
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.order.models import Order, OrderLog, OrderMode
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.models import Movement, StockEntry
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def rows_of(model):
    return [row for alias in node_aliases() for row in model.objects.on_node(alias).order_by("pk")]


def make_group_of_three(**rules):
    """A leader and two joiners, each on a node of their own; the activity and their documents' facts."""
    activity = make_sale(stock=9, group_size=3, **rules)
    leader, second, third = MEMBERS_ON_THREE_NODES
    first = make_admission(activity, member_id=leader)
    joins = [make_admission(activity, member_id=member, join=first.open_group_id) for member in (second, third)]
    admit(first, *joins)
    return activity, facts_in_stream(activity)


def test_all_rows_of_a_group_of_three_on_three_nodes():
    activity, facts = make_group_of_three(price_fen=990)
    report = persist_orders(facts)
    assert report.persisted == {one.id for one in facts}
    assert not report.postponed
    assert not report.poisoned

    group_id = facts[0].group.id
    for one in facts:
        order = Order.objects.get(pk=one.id)
        assert (order.state, order.mode, order.log_count) == (OrderState.UNPAID, OrderMode.GROUP, 2)
        assert (order.member_id, order.activity_id, order.group_id) == (one.member_id, activity.pk, group_id)
        assert (order.quantity, order.unit_price_fen, order.amount_fen, order.discount_fen) == (1, 990, 990, 0)
        assert (order.sku_id, order.merchant_id) == (activity.sku_id, activity.sku.product.merchant_id)
        assert (to_ms(order.accepted_at), to_ms(order.pay_by)) == (one.accepted_ms, one.pay_by_ms)
        assert order.pay_by - order.accepted_at == timedelta(seconds=activity.pay_within_seconds)
        logs = OrderLog.objects.filter(order_id=one.id).order_by("sequence")
        assert [(log.sequence, log.from_state, log.to_state) for log in logs] == [
            (1, "", OrderState.ACCEPTED),
            (2, OrderState.ACCEPTED, OrderState.UNPAID),
        ]
        (entry,) = StockEntry.objects.filter(order_id=one.id)
        assert (entry.movement, entry.quantity, entry.activity_id) == (Movement.RESERVE, 1, activity.pk)
    assert {order._state.db for order in rows_of(Order)} == set(node_aliases())

    group = Group.objects.get(pk=group_id)
    assert alias_of_id(group_id) == alias_of_id(facts[0].id)
    assert (group.state, group.size, group.paid_count, group.leader_member_id) == (GroupState.FORMING, 3, 0, 1)
    assert (group.price_fen, group.rules_version, group.activity_id) == (990, 1, activity.pk)
    assert group.deadline - group.opened_at == timedelta(seconds=activity.group_lasts_seconds)
    assert GroupLog.objects.filter(group_id=group_id).count() == 1
    seats = Seat.objects.filter(group_id=group_id)
    # Two may come within one millisecond.
    assert {seat.order_id: to_ms(seat.joined_at) for seat in seats} == {one.id: one.accepted_ms for one in facts}
    assert all(seat.state == SeatState.HELD and seat.active_member_id == seat.member_id for seat in seats)

    messages = rows_of(OutboxMessage)
    topics = sorted(((one.topic, one.payload) for one in messages), key=lambda pair: pair[0])
    assert [topic for topic, _payload in topics] == ["group.formed"] + ["order.unpaid"] * 3
    assert topics[0][1]["group_id"] == group_id
    assert {payload["order_id"] for _topic, payload in topics[1:]} == report.persisted


def test_again_changes_nothing():
    _activity, facts = make_group_of_three()
    persist_orders(facts)
    models = (Order, OrderLog, StockEntry, Group, GroupLog, Seat, OutboxMessage)
    before = [len(rows_of(model)) for model in models]
    report = persist_orders([*facts, facts[0]])
    assert report.persisted == {one.id for one in facts}
    assert [len(rows_of(model)) for model in models] == before


def test_a_joiner_may_come_before_the_leader():
    _activity, (leader, second, third) = make_group_of_three()
    for one in (third, leader, second):
        persist_orders([one])
    group = Group.objects.get(pk=leader.group.id)
    assert group.leader_member_id == leader.member_id
    assert to_ms(group.opened_at) == leader.accepted_ms
    assert Seat.objects.filter(group_id=group.pk).count() == 3
    assert GroupLog.objects.filter(group_id=group.pk).count() == 1


def test_alone_has_no_group():
    activity = make_sale()
    admit(make_admission(activity, alone=True))
    persist_orders(facts_in_stream(activity))
    (order,) = rows_of(Order)
    assert (order.mode, order.group_id) == (OrderMode.ALONE, None)
    assert not rows_of(Group)
    assert not rows_of(Seat)


def test_a_node_that_is_away_postpones_what_it_holds(monkeypatch):
    _activity, facts = make_group_of_three()
    write_rows = persisting.write_rows

    def fail(alias, parts, *, way):
        if alias == "node1":
            raise OperationalError(2002, "Can't connect")
        return write_rows(alias, parts, way=way)

    with monkeypatch.context() as outage:
        outage.setattr(persisting, "write_rows", fail)
        report = persist_orders(facts)
    assert set(report.postponed) == {one.id for one in facts if alias_of_id(one.id) == "node1"}
    assert report.persisted == {one.id for one in facts if alias_of_id(one.id) != "node1"}
    report = persist_orders(facts)
    assert report.persisted == {one.id for one in facts}
    assert Seat.objects.filter(group_id=facts[0].group.id).count() == 3


def test_a_groups_node_that_is_away_postpones_its_members(monkeypatch):
    activity = make_sale(stock=9, group_size=3)
    first = make_admission(activity, member_id=501)
    admit(first, make_admission(activity, member_id=1, join=first.open_group_id))
    leader, joiner = facts_in_stream(activity)
    write_rows = persisting.write_rows

    def fail(alias, parts, *, way):
        if alias == "node2":
            raise OperationalError(2002, "Can't connect")
        return write_rows(alias, parts, way=way)

    with monkeypatch.context() as outage:
        outage.setattr(persisting, "write_rows", fail)
        report = persist_orders([leader, joiner])
    assert set(report.postponed) == {leader.id, joiner.id}
    # The joiner's order is there, its seat is not: it isn't acknowledged, and the next time completes it.
    assert Order.objects.filter(pk=joiner.id).exists()
    assert persist_orders([leader, joiner]).persisted == {leader.id, joiner.id}
    assert Seat.objects.filter(group_id=leader.group.id).count() == 2


def test_a_mistake_of_ours_rejects_nothing(monkeypatch):
    _activity, facts = make_group_of_three()

    def fail(_alias, _parts, *, way):
        raise RuntimeError("a bug")

    monkeypatch.setattr(persisting, "write_rows", fail)
    report = persist_orders(facts)
    assert set(report.postponed) == {one.id for one in facts}
    assert not report.poisoned


def test_a_missing_column_rejects_nothing(monkeypatch):
    _activity, facts = make_group_of_three()

    def fail(_alias, _parts, *, way):
        raise OperationalError(1054, "Unknown column")

    monkeypatch.setattr(persisting, "write_rows", fail)
    report = persist_orders(facts)
    assert set(report.postponed) == {one.id for one in facts}


def test_one_refused_order_does_not_hold_up_its_neighbours():
    activity = make_sale(stock=40)
    admit(*(make_admission(activity, member_id=member) for member in range(1, 31)))
    facts = facts_in_stream(activity)
    # The ledger remembers a key for two days, the database for good.
    Order.objects.create(
        id=facts[16].id + 1, member_id=facts[17].member_id, idempotency_key=facts[17].idempotency_key,
        activity_id=1, sku_id=1, merchant_id=1, mode="alone", quantity=1, unit_price_fen=1, amount_fen=1, address_id=1,
        state=OrderState.COMPLETED, accepted_at=from_ms(1), pay_by=from_ms(2),
    )  # fmt: skip
    report = persist_orders(facts)
    assert set(report.poisoned) == {facts[17].id}
    assert report.persisted == {one.id for one in facts} - {facts[17].id}
    assert not Seat.objects.filter(group_id=facts[17].group.id).exists()
    assert len(rows_of(Order)) == 30
    assert len(rows_of(Seat)) == 29


def test_a_second_seat_of_a_member_is_released_and_its_order_cancelled():
    """Only when somebody meddled with Redis; the first order must not suffer."""
    _activity, (leader, second, _third) = make_group_of_three()
    persist_orders([leader, second])
    double = msgspec.structs.replace(second, id=second.id + 1, idempotency_key="another")
    assert persist_orders([double]).persisted == {double.id}
    assert Order.objects.get(pk=double.id).state == OrderState.CANCELLED
    assert Order.objects.get(pk=second.id).state == OrderState.UNPAID
    states = {seat.order_id: seat.state for seat in Seat.objects.filter(group_id=leader.group.id)}
    assert states == {leader.id: SeatState.HELD, second.id: SeatState.HELD, double.id: SeatState.RELEASED}
    assert persist_orders([double]).persisted == {double.id}


def document() -> OrderDocument:
    activity = make_sale()
    admit(make_admission(activity))
    (one,) = documents_of(activity)
    return one


def read_packed(packed: bytes | None) -> EntryFacts:
    return read_facts({} if packed is None else {"d": packed})


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": "0"},
        {"order_id": "007"},
        {"order_id": "{p01}"},
        {"order_id": str(2**63)},
        {"member_id": "999999"},
        {"activity_id": ""},
        {"sku_id": "-1"},
        {"quantity": 0},
        {"quantity": 2**31},
        {"quantity": 2},
        {"amount_fen": 0},
        {"amount_fen": -1000, "unit_price_fen": -1000},
        {"unit_price_fen": 2**60, "amount_fen": 2**60, "group_price_fen": 2**60},
        {"mode": "both"},
        {"mode": "alone"},
        {"group_id": ""},
        {"group_size": 0},
        {"group_price_fen": 1},
        {"leader_member_id": ""},
        {"group_deadline_ms": 1},
        {"group_opened_ms": 1},
        {"pay_by_ms": 1},
        {"accepted_ms": 10**15},
        {"idempotency_key": ""},
        {"idempotency_key": "x" * 65},
        {"idempotency_key": "line\nbreak"},
        {"rules_version": 0},
    ],
)
def test_documents_that_contradict_themselves(changes):
    good = document()
    assert read_packed(msgspec.msgpack.encode(good)).fit
    facts = read_packed(msgspec.msgpack.encode(msgspec.structs.replace(good, **changes)))
    assert not facts.fit
    assert [one.reason for one in facts.unfit] == [RejectReason.CONTRADICTORY]


def test_who_joins_after_the_ledgers_clock_went_back_keeps_the_order():
    """The group was opened "later" than it was joined: the clock was set, or a replica with another one took over."""
    good = document()
    joined = msgspec.structs.replace(good, group_opened_ms=good.accepted_ms + 3_000)
    (facts,) = read_packed(msgspec.msgpack.encode(joined)).fit
    assert persist_orders([facts]).persisted == {facts.id}


@pytest.mark.parametrize("packed", [None, b"", b"\xc1", b"garbage", msgspec.msgpack.encode([1, 2]), b"\xdc\xff\xff"])
def test_documents_that_are_none(packed):
    facts = read_packed(packed)
    assert not facts.fit
    assert [one.reason for one in facts.unfit] == [RejectReason.UNREADABLE]


def test_documents_of_another_version_are_not_guessed_at():
    good = document()
    with pytest.raises(LaterVersion):
        read_packed(msgspec.msgpack.encode(msgspec.structs.replace(good, version=2)))
    facts = read_packed(msgspec.msgpack.encode(msgspec.structs.replace(good, version=0)))
    assert not facts.fit
    ((reason, order_id),) = [(one.reason, one.order_id) for one in facts.unfit]
    assert (reason, order_id) == (RejectReason.UNREADABLE, int(good.order_id))


def test_fields_added_at_the_end_by_a_later_program_are_read_over():
    packed = msgspec.msgpack.encode([*msgspec.structs.astuple(document()), "something new"])
    assert read_packed(packed).fit
