"""The drain reads, writes, acknowledges and counts; whoever dies, nothing is lost and nothing doubled."""

import json
import threading
import time
from collections.abc import Callable
from io import StringIO

import msgspec
import pytest
from django.core.management import CommandError, call_command

from pgs_data.clock import from_ms
from pgs_data.lua.blobs import pack, unpack
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_of
from pgs_data.sharding.slots import node_aliases
from pgs_task.order_drain import persisting, queue, service
from pgs_task.order_drain.loops import DrainReport, drain_until
from pgs_task.order_drain.queue import OrderQueue, trim_intake
from pgs_task.order_drain.scripts import Counted, EntryVerdict, ack_entries
from pgs_task.order_drain.tests.making import (
    counters,
    drain,
    facts_in_stream,
    later,
    pending,
)
from pgs_task.reconciliation.checks.events import streams_keep_what_is_open
from pgs_web.trade.group.models import Group, Seat
from pgs_web.trade.group.states import GroupState, SeatState
from pgs_web.trade.intake import documents
from pgs_web.trade.intake.keys import INTAKE_GROUP, flow_key, intake_key, set_aside_key
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission, stream_of
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.selectors import read_holds, read_stock
from pgs_web.trade.stock.tests.making import make_sale

# The consumer drops old connections, and with them the transaction that another kind of test runs in.
pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def test_a_partition_whose_own_redis_is_away_keeps_no_other_from_being_trimmed(settings):
    activity = make_sale()
    for member in (1, 2):
        admit(make_admission(activity, member_id=member))
    drain(activity)
    partition = partition_of(activity.pk)
    away = (partition + 1) % settings.LEDGER_PARTITIONS
    settings.LEDGER_PARTITION_URLS = {away: "redis://127.0.0.1:1/0"}
    assert len(stream_of(activity)) == 2
    with pytest.raises(RedisUnavailable):
        trim_intake(partitions=[away, partition])
    assert stream_of(activity) == []


def count_orders() -> int:
    return sum(Order.objects.on_node(alias).count() for alias in node_aliases())


def rewrite(activity, place, **changes):
    """Replaces a document in the stream, as a broken program would have written it; the hold is as it was."""
    client, stream = ledger(partition_of(activity.pk)), intake_key(partition_of(activity.pk))
    documents = documents_of(activity)
    client.delete(stream)
    for number, document in enumerate(documents):
        changed = msgspec.structs.replace(document, **changes) if number == place else document
        client.xadd(stream, {"d": msgspec.msgpack.encode(changed)})


def test_orders_are_written_acknowledged_counted_and_trimmed():
    activity = make_sale(stock=50)
    for start in range(1, 31, 3):
        admit(*(make_admission(activity, member_id=member * 10) for member in range(start, start + 3)))
    assert len(stream_of(activity)) == 10
    one = drain(activity)
    assert (one.persisted, one.rejected, one.put_off) == (30, 0, 0)
    assert counters(activity) == {"accepted": 30, "persisted": 30, "rejected": 0, "foreign": 0}
    assert count_orders() == 30
    assert pending(activity) == 0
    assert int(ledger().hget(flow_key(partition_of(activity.pk)), "rate")) > 0
    partition = partition_of(activity.pk)
    assert trim_intake(partitions=[partition]) >= 9
    assert ledger(partition).xlen(intake_key(partition)) <= 1


def test_nothing_unwritten_is_trimmed():
    activity = make_sale(stock=50)
    admit(make_admission(activity, member_id=1))
    assert trim_intake(partitions=[partition_of(activity.pk)]) == 0
    drain(activity)
    admit(make_admission(activity, member_id=2))
    trim_intake(partitions=[partition_of(activity.pk)])
    assert facts_in_stream(activity)[-1].member_id == 2
    drain(activity)
    assert count_orders() == 2


def test_dead_between_commit_and_ack(monkeypatch):
    activity = make_sale(stock=50)
    for start in (1, 6):
        admit(*(make_admission(activity, member_id=member * 10) for member in range(start, start + 5)))

    class KilledError(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    def die(**_arguments):
        raise KilledError

    with monkeypatch.context() as dying:
        dying.setattr(queue, "ack_entries", die)
        with pytest.raises(KilledError):
            drain(activity)
    assert count_orders() == 10
    assert counters(activity)["persisted"] == 0
    assert pending(activity) == 2
    colleague = drain(activity, claim_idle_ms=1)
    assert colleague.persisted == 10
    assert count_orders() == 10
    assert counters(activity) == {"accepted": 10, "persisted": 10, "rejected": 0, "foreign": 0}
    assert pending(activity) == 0


def test_an_answer_that_was_lost_after_the_ack_counts_once():
    activity = make_sale(stock=50)
    admit(*(make_admission(activity, member_id=member) for member in (1, 2)))
    drain(activity)
    partition = partition_of(activity.pk)
    verdict = EntryVerdict(persisted=1, rejected=[(5, "contradictory")], left={"node1": [6, 7]})
    verdicts = {entry.decode(): verdict for entry, _fields in stream_of(activity)}
    again = ack_entries(partition=partition, source=intake_key(partition), verdicts=verdicts, rate=0)
    assert again == Counted(0, 0, 0)
    assert counters(activity) == {"accepted": 2, "persisted": 2, "rejected": 0, "foreign": 0}
    assert later(activity) == {}


def test_garbage_does_not_hold_up_its_neighbours():
    activity = make_sale(stock=50)
    partition = partition_of(activity.pk)
    for member in range(1, 6):
        admit(make_admission(activity, member_id=member))
        ledger(partition).xadd(intake_key(partition), {"d": b"\xc1garbage"})
        ledger(partition).xadd(intake_key(partition), {"something": "else"})
    one = drain(activity)
    assert one.persisted == 5
    assert counters(activity) == {"accepted": 5, "persisted": 5, "rejected": 0, "foreign": 10}
    aside = ledger(partition).xrange(set_aside_key(partition))
    assert len(aside) == 10
    assert aside[0][1][b"reason"] == b"unreadable"
    assert aside[0][1][b"d"] == b"\xc1garbage"
    assert pending(activity) == 0


@pytest.mark.parametrize("changes", [{"quantity": 2}, {"version": 0}])
def test_a_poisoned_order_is_rejected_and_its_units_go_back(changes):
    activity = make_sale(stock=4)
    admit(*(make_admission(activity, member_id=member) for member in (1, 2, 3)))
    poisoned = facts_in_stream(activity)[1]
    rewrite(activity, 1, **changes)
    one = drain(activity)
    assert (one.persisted, one.rejected) == (2, 1)
    assert counters(activity) == {"accepted": 3, "persisted": 2, "rejected": 1, "foreign": 0}
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock, stock.sold) == (2, 2, 0)
    hold = read_holds([(activity.pk, poisoned.id)])[poisoned.id]
    assert hold.state is HoldState.REJECTED
    assert hold.reason == ("contradictory" if "quantity" in changes else "unreadable")
    assert not Order.objects.filter(pk=poisoned.id).exists()


def test_what_a_newer_receiver_appended_stays_until_a_newer_drain_comes(monkeypatch):
    activity = make_sale(stock=9)
    admit(*(make_admission(activity, member_id=member) for member in (1, 2, 4)))
    client, stream = ledger(partition_of(activity.pk)), intake_key(partition_of(activity.pk))
    ((entry, fields),) = stream_of(activity)
    client.delete(stream)
    client.xadd(stream, {**fields, b"version": b"3"}, id=entry)
    admit(make_admission(activity, member_id=3))
    old = drain(activity)
    assert (old.persisted, old.rejected) == (1, 0)
    assert old.put_off
    assert read_stock(activity.pk).lock == 4
    assert pending(activity) == 1
    (offence,) = streams_keep_what_is_open.find_offenders()
    assert "older than a receiver" in offence
    monkeypatch.setattr(documents, "BATCH_VERSION", 3)
    assert drain(activity, claim_idle_ms=1).persisted == 3
    assert counters(activity) == {"accepted": 4, "persisted": 4, "rejected": 0, "foreign": 0}


def test_one_poisoned_order_of_a_batch_goes_alone():
    activity = make_sale(stock=5)
    admit(*(make_admission(activity, member_id=member) for member in (1, 2, 3, 4)))
    poisoned = facts_in_stream(activity)[1]
    client, stream = ledger(partition_of(activity.pk)), intake_key(partition_of(activity.pk))
    ((_entry, fields),) = stream_of(activity)
    others = unpack(fields[b"rest"])
    # No key may be empty: somebody meddled with it.
    others[2] = ""
    client.delete(stream)
    client.xadd(stream, {**fields, b"rest": pack(others)})
    assert (drain(activity).persisted, count_orders()) == (3, 3)
    assert counters(activity) == {"accepted": 4, "persisted": 3, "rejected": 1, "foreign": 0}
    assert not Order.objects.filter(pk=poisoned.id).exists()
    hold = read_holds([(activity.pk, poisoned.id)])[poisoned.id]
    assert (hold.state, hold.reason) == (HoldState.REJECTED, "contradictory")
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock) == (2, 3)
    assert pending(activity) == 0


def test_a_leader_whose_order_is_refused_leaves_the_group_to_the_others():
    activity = make_sale(stock=9, group_size=3)
    first = make_admission(activity, member_id=1, key="used-last-week")
    admit(first, make_admission(activity, member_id=251, join=first.open_group_id))
    leader, joiner = facts_in_stream(activity)
    Order.objects.create(
        id=leader.id + 1, member_id=1, idempotency_key="used-last-week", activity_id=1, sku_id=1, merchant_id=1,
        mode="alone", quantity=1, unit_price_fen=1, amount_fen=1, address_id=1, state=OrderState.COMPLETED,
        accepted_at=from_ms(1), pay_by=from_ms(2),
    )  # fmt: skip
    one = drain(activity)
    assert (one.persisted, one.rejected) == (1, 1)
    hold = read_holds([(activity.pk, leader.id)])[leader.id]
    assert (hold.state, hold.reason) == (HoldState.REJECTED, "idempotency_key_reused")
    group = Group.objects.get(pk=leader.group.id)
    assert (group.state, group.leader_member_id) == (GroupState.FORMING, 251)
    states = {seat.order_id: seat.state for seat in Seat.objects.filter(group_id=group.pk)}
    assert states == {leader.id: SeatState.RELEASED, joiner.id: SeatState.HELD}
    # Dead between rejection and acknowledgement: the same again.
    assert counters(activity) == {"accepted": 2, "persisted": 1, "rejected": 1, "foreign": 0}


def test_dead_between_rejection_and_ack(monkeypatch):
    activity = make_sale(stock=4)
    admit(make_admission(activity, member_id=1))
    rewrite(activity, 0, quantity=2)

    class KilledError(BaseException):
        pass

    def die(**_arguments):
        raise KilledError

    with monkeypatch.context() as dying:
        dying.setattr(queue, "ack_entries", die)
        with pytest.raises(KilledError):
            drain(activity)
    assert read_stock(activity.pk).remain == 4
    assert drain(activity, claim_idle_ms=1).rejected == 1
    assert read_stock(activity.pk).remain == 4
    assert counters(activity) == {"accepted": 1, "persisted": 0, "rejected": 1, "foreign": 0}


def test_an_order_that_is_written_is_never_rejected():
    activity = make_sale(stock=4)
    admit(make_admission(activity, member_id=1))
    (facts,) = facts_in_stream(activity)
    persisting.persist_orders([facts])
    rewrite(activity, 0, quantity=2)
    one = drain(activity)
    assert (one.persisted, one.rejected) == (0, 0)
    assert one.put_off
    assert read_stock(activity.pk).lock == 1
    assert pending(activity) == 1


def test_an_unforeseen_error_keeps_what_was_promised(monkeypatch):
    activity = make_sale(stock=4)
    for member in (1, 2):
        admit(make_admission(activity, member_id=member))
    read_facts = service.read_facts
    bad = facts_in_stream(activity)[0].id

    def fail(fields):
        facts = read_facts(fields)
        if facts.fit[0].id == bad:
            raise RuntimeError("a bug")
        return facts

    with monkeypatch.context() as broken:
        broken.setattr(service, "read_facts", fail)
        assert drain(activity).persisted == 1
    assert pending(activity) == 1
    assert read_stock(activity.pk).lock == 2
    assert drain(activity, claim_idle_ms=1).persisted == 1


def call(*arguments):
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.mark.slow
def test_command_once_over_all_partitions():
    activities = [make_sale(stock=9) for _ in range(3)]
    for activity in activities:
        admit(make_admission(activity, member_id=1), make_admission(activity, member_id=251))
    assert json.loads(call("drain_orders", "--once", "--json")) == {"persisted": 6, "rejected": 0, "put_off": 0}
    assert json.loads(call("drain_orders", "--once", "--json", "--partitions", "0-3,5")) == {
        "persisted": 0,
        "rejected": 0,
        "put_off": 0,
    }


@pytest.mark.parametrize("partitions", ["x", "5-3", "1,,2", "16", "-1"])
def test_command_refuses_wrong_partitions(partitions):
    with pytest.raises(CommandError):
        call("drain_orders", "--once", f"--partitions={partitions}")


class Running:
    """A drain of all partitions in a thread of its own, from its making to `stop`, which returns what it did."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.reports: list[DrainReport] = []
        self.thread = threading.Thread(
            target=lambda: self.reports.append(drain_until(self.over, partitions=range(16))), daemon=True
        )
        self.thread.start()

    def stop(self) -> DrainReport:
        self.over.set()
        self.thread.join(timeout=60)
        (report,) = self.reports
        return report


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_drains_come_and_go_while_orders_do():
    activities = [make_sale(stock=200) for _ in range(4)]
    partitions = {partition_of(activity.pk) for activity in activities}
    admitted = 0

    def let_in() -> None:
        nonlocal admitted
        # An entry each: whoever asks gets some.
        for activity in activities:
            admit(make_admission(activity, member_id=7 * (admitted // 4 + 1)))
            admitted += 1

    def asking() -> set[int]:
        """How many drains read each of the partitions."""
        return {len(ledger().xinfo_consumers(intake_key(partition), INTAKE_GROUP)) for partition in partitions}

    let_in()
    first = Running()
    wait_for(lambda: count_orders() == admitted)
    second = Running()
    while asking() != {2}:
        let_in()
        wait_for(lambda: count_orders() == admitted)
    of_first = first.stop()
    assert asking() == {1}
    for _ in range(5):
        let_in()
    wait_for(lambda: count_orders() == admitted)
    of_second = second.stop()
    assert of_first.persisted >= 4
    assert of_second.persisted >= 20
    assert of_first.persisted + of_second.persisted == admitted
    assert count_orders() == admitted
    for activity in activities:
        counted = counters(activity)
        assert counted["persisted"] == counted["accepted"]
        assert pending(activity) == 0
    assert asking() == {0}


def test_a_drain_has_its_own_name():
    names = {OrderQueue(0).consumer.consumer_name for _ in range(3)}
    assert len(names) == 3
