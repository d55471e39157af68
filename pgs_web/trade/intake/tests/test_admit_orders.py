"""The admission script: every verdict, and what it writes."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pgs_data.clock import to_ms
from pgs_data.ids.texts import read_id
from pgs_data.redis.clock import ledger_now_ms
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.group.keys import groups_key
from pgs_web.trade.group.tests.in_ledger import change_group, read_group
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.intake.messages import AdmitReply, Admitted
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission
from pgs_web.trade.stock.holds import HoldState
from pgs_web.trade.stock.keys import activity_key, bought_key, holds_key, stock_key
from pgs_web.trade.stock.sales import change_rules, end_sale, pause_sale, resume_sale, withdraw_sale
from pgs_web.trade.stock.selectors import Stock, read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def word(*orders):
    return [verdict.reply for verdict in admit(*orders)]


def test_an_admitted_order_is_reserved_held_and_appended():
    activity = make_sale(stock=5, price_fen=990, member_limit=3, group_size=2, pay_within_seconds=60)
    order = make_admission(activity, member_id=42, quantity=3, key="once")

    (verdict,) = admit(order)

    assert verdict.reply is AdmitReply.ADMITTED
    hold = verdict.hold
    assert (hold.state, hold.quantity, hold.member_id, hold.group_id) == (HoldState.LOCKED, 3, 42, order.open_group_id)
    assert (hold.unit_price_fen, hold.amount_fen, hold.address_id) == (990, 2970, 7)
    assert abs(hold.accepted_ms - ledger_now_ms()) < 5000
    assert hold.pay_by_ms == hold.accepted_ms + 60_000
    assert hold.position == 1
    assert hold.eta_seconds == 1
    assert read_stock(activity.pk) == Stock(total=5, remain=2, lock=3, sold=0, version=2, told_sold_out=0)
    client = ledger(partition_of(activity.pk))
    assert client.hget(bought_key(activity.pk), "42") == b"3"
    assert client.hget(flow_key(partition_of(activity.pk)), "accepted") == b"1"
    (document,) = documents_of(activity)
    assert document.order_id == str(order.order_id)
    assert document.activity_id == str(activity.pk)
    assert document.member_id == "42"
    assert (document.quantity, document.unit_price_fen, document.amount_fen) == (3, 990, 2970)
    assert (document.mode, document.group_id) == ("group", str(order.open_group_id))
    assert (document.leader_member_id, document.group_size, document.group_price_fen) == ("42", 2, 990)
    assert (document.group_opened_ms, document.group_deadline_ms) == (
        hold.accepted_ms,
        hold.accepted_ms + activity.group_lasts_seconds * 1000,
    )
    assert (document.sku_id, document.merchant_id) == (str(activity.sku_id), str(activity.sku.product.merchant_id))
    assert (document.address_id, document.idempotency_key, document.play) == ("7", "once", "standard")
    assert (document.accepted_ms, document.pay_by_ms) == (hold.accepted_ms, hold.pay_by_ms)
    assert document.trace_id == "trace-of-test"


def test_bought_alone_needs_no_group_and_costs_the_alone_price():
    activity = make_sale(price_fen=1000, alone_price_fen=1400)
    (verdict,) = admit(make_admission(activity, alone=True))
    assert (verdict.hold.unit_price_fen, verdict.hold.group_id) == (1400, None)
    (document,) = documents_of(activity)
    assert (document.mode, document.group_id, document.unit_price_fen) == ("alone", "", 1400)
    assert (document.accepted_ms, document.pay_by_ms) == (verdict.hold.accepted_ms, verdict.hold.pay_by_ms)


def test_the_same_order_id_again_is_told_what_it_was_told():
    activity = make_sale()
    order = make_admission(activity)
    (first,) = admit(order)
    again, and_again = admit(order, order)
    assert again.reply is and_again.reply is AdmitReply.REPLAYED
    assert again.hold == and_again.hold == first.hold
    assert read_stock(activity.pk).lock == 1
    assert len(documents_of(activity)) == 1


def test_an_order_that_comes_twice_in_one_batch_is_admitted_once():
    activity = make_sale(stock=9, member_limit=3)
    order, other = make_admission(activity, member_id=1), make_admission(activity, member_id=1)
    first, second, again = admit(order, other, order)
    assert first.reply is second.reply is AdmitReply.ADMITTED
    assert (again.reply, again.hold) == (AdmitReply.REPLAYED, first.hold)
    assert second.hold.ticket == first.hold.ticket + 1
    assert read_stock(activity.pk).lock == len(documents_of(activity)) == 2


def test_a_replay_is_told_the_same_after_the_sale():
    activity = make_sale()
    order = make_admission(activity)
    (first,) = admit(order)
    end_sale(activity_id=activity.pk, actor="test")
    (again,) = admit(order)
    assert (again.reply, again.hold) == (AdmitReply.REPLAYED, first.hold)


def test_unknown_activity():
    activity = make_sale()
    ledger(partition_of(activity.pk)).delete(activity_key(activity.pk))
    assert word(make_admission(activity)) == [AdmitReply.UNKNOWN_ACTIVITY]


def test_before_the_start():
    activity = make_sale(starts_in=timedelta(hours=1))
    assert word(make_admission(activity)) == [AdmitReply.NOT_STARTED]
    assert read_stock(activity.pk).lock == 0


def set_window(activity, **edges):
    ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), mapping=edges)


def test_the_start_is_inclusive_and_the_end_exclusive():
    """Redis' own clock decides: edges are laid at a moment that the script's clock runs over."""
    activity = make_sale(stock=100_000, member_limit=100_000)
    for verdict, edge in verdicts_around(activity, "start_ms", {AdmitReply.NOT_STARTED, AdmitReply.ADMITTED}):
        if verdict.hold is None:
            assert verdict.reply is AdmitReply.NOT_STARTED
        else:
            assert verdict.hold.accepted_ms >= edge
    for verdict, edge in verdicts_around(activity, "end_ms", {AdmitReply.ENDED, AdmitReply.ADMITTED}):
        if verdict.hold is None:
            assert verdict.reply is AdmitReply.ENDED
        else:
            assert verdict.hold.accepted_ms < edge


def verdicts_around(activity: Activity, side: str, awaited: set[AdmitReply]) -> Iterator[tuple[Admitted, int]]:
    """(verdict, edge) of orders that come while the edge of the window passes, until each awaited reply was seen."""
    partition = partition_of(activity.pk)
    seen: set[AdmitReply] = set()
    for _ in range(20):
        # On a busy machine the first order may come after the edge: then another edge is laid.
        edge = ledger_now_ms(partition) + 60
        set_window(activity, **{side: edge})
        while ledger_now_ms(partition) <= edge + 5:
            (verdict,) = admit(make_admission(activity))
            seen.add(verdict.reply)
            yield verdict, edge
        if seen >= awaited:
            break
    assert seen == awaited


def test_the_window_is_the_activitys():
    activity = make_sale()
    facts = ledger(partition_of(activity.pk)).hmget(activity_key(activity.pk), ["start_ms", "end_ms"])
    assert [int(fact) for fact in facts] == [to_ms(activity.starts_at), to_ms(activity.ends_at)]


def test_paused_resumed_ended_withdrawn():
    activity = make_sale()
    pause_sale(activity_id=activity.pk, actor="test")
    assert word(make_admission(activity)) == [AdmitReply.PAUSED]
    resume_sale(activity_id=activity.pk, actor="test")
    assert word(make_admission(activity)) == [AdmitReply.ADMITTED]
    end_sale(activity_id=activity.pk, actor="test")
    assert word(make_admission(activity, member_id=2)) == [AdmitReply.ENDED]

    withdrawn = make_sale()
    withdraw_sale(activity_id=withdrawn.pk, actor="test", reason="test")
    assert word(make_admission(withdrawn)) == [AdmitReply.ENDED]


def test_a_lost_stock_pauses_the_sale():
    activity = make_sale()
    ledger(partition_of(activity.pk)).delete(stock_key(activity.pk))
    assert word(make_admission(activity)) == [AdmitReply.PAUSED]
    assert not ledger(partition_of(activity.pk)).exists(stock_key(activity.pk))


def test_the_member_limit_counts_all_orders_of_the_member():
    activity = make_sale(member_limit=3)
    verdicts = word(
        make_admission(activity, member_id=1, quantity=2),
        make_admission(activity, member_id=1, quantity=2),
        make_admission(activity, member_id=1, quantity=1),
        make_admission(activity, member_id=1, quantity=1),
        make_admission(activity, member_id=2, quantity=3),
    )
    admitted, limited = AdmitReply.ADMITTED, AdmitReply.LIMIT_EXCEEDED
    assert verdicts == [admitted, limited, admitted, limited, admitted]
    assert word(make_admission(activity, member_id=1)) == [limited]


def test_sold_out_takes_nothing_and_marks_the_smallest_refusal():
    activity = make_sale(stock=2, member_limit=9)
    verdicts = word(
        make_admission(activity, member_id=1, quantity=5), make_admission(activity, member_id=2, quantity=3)
    )
    assert verdicts == [AdmitReply.SOLD_OUT, AdmitReply.SOLD_OUT]
    stock = read_stock(activity.pk)
    assert (stock.remain, stock.lock, stock.told_sold_out) == (2, 0, 3)
    # Three wanted, two there: the truth was told, although nothing is locked and something remains.
    assert not stock.is_undersold
    assert word(make_admission(activity, member_id=3, quantity=2)) == [AdmitReply.ADMITTED]
    assert word(make_admission(activity, member_id=4)) == [AdmitReply.SOLD_OUT]
    assert read_stock(activity.pk).told_sold_out == 1


def test_a_refusal_of_what_is_there_all_the_time_is_seen():
    assert Stock(total=5, remain=5, lock=0, sold=0, version=1, told_sold_out=5).is_undersold
    assert not Stock(total=5, remain=4, lock=0, sold=1, version=1, told_sold_out=5).is_undersold
    assert not Stock(total=5, remain=4, lock=1, sold=0, version=1, told_sold_out=1).is_undersold
    assert not Stock(total=5, remain=5, lock=0, sold=0, version=1, told_sold_out=0).is_undersold


def test_a_batch_is_judged_in_its_order_over_several_activities():
    first = make_sale(stock=2)
    second = next(
        other for other in (make_sale(stock=1) for _ in range(40)) if partition_of(other.pk) == partition_of(first.pk)
    )
    verdicts = word(
        make_admission(first, member_id=1),
        make_admission(second, member_id=1),
        make_admission(first, member_id=2),
        make_admission(second, member_id=2),
        make_admission(first, member_id=3),
    )
    admitted, sold_out = AdmitReply.ADMITTED, AdmitReply.SOLD_OUT
    assert verdicts == [admitted, admitted, admitted, sold_out, sold_out]
    assert (read_stock(first.pk).lock, read_stock(second.pk).lock) == (2, 1)
    assert len(documents_of(first)) + len(documents_of(second)) == 3


def test_groups_are_joined_filled_and_full():
    activity = make_sale(stock=10, group_size=3)
    (leader,) = admit(make_admission(activity, member_id=1))
    group_id = leader.hold.group_id
    joins = [make_admission(activity, member_id=member, join=group_id) for member in (1, 2, 3, 4)]
    already, second, third, full = admit(*joins)
    # The leader's limit is one unit, so the limit answers before the seat does.
    assert already.reply is AdmitReply.LIMIT_EXCEEDED
    assert second.reply is third.reply is AdmitReply.ADMITTED
    assert second.hold.group_id == group_id
    assert full.reply is AdmitReply.GROUP_FULL
    client = ledger(partition_of(activity.pk))
    group = read_group(activity.pk, group_id)
    assert (group.held, list(group.seats)) == (3, [1, 2, 3])
    assert set(group.seats.values()) == set(order_ids(activity))
    assert client.pttl(groups_key(activity_id=activity.pk, group_id=group_id)) > 48 * 3_600_000


def test_a_group_is_opened_and_filled_in_one_batch():
    activity = make_sale(group_size=2)
    leader = make_admission(activity, member_id=1)
    joins = [make_admission(activity, member_id=member, join=leader.open_group_id) for member in (2, 3)]
    assert word(leader, *joins) == [AdmitReply.ADMITTED, AdmitReply.ADMITTED, AdmitReply.GROUP_FULL]
    group = read_group(activity.pk, leader.open_group_id)
    assert (group.held, group.seats) == (2, {1: leader.order_id, 2: joins[0].order_id})


def order_ids(activity):
    return [read_id(field) for field in ledger(partition_of(activity.pk)).hkeys(holds_key(activity.pk))]


def test_a_member_sits_once_in_a_group():
    activity = make_sale(group_size=3, member_limit=5)
    (leader,) = admit(make_admission(activity, member_id=1))
    join = make_admission(activity, member_id=1, join=leader.hold.group_id)
    assert word(join) == [AdmitReply.ALREADY_IN_GROUP]
    twice = [make_admission(activity, member_id=2, join=leader.hold.group_id) for _ in range(2)]
    assert word(*twice) == [AdmitReply.ADMITTED, AdmitReply.ALREADY_IN_GROUP]


def test_a_group_of_one_is_full_at_once():
    activity = make_sale(group_size=1)
    (leader,) = admit(make_admission(activity, member_id=1))
    assert word(make_admission(activity, member_id=2, join=leader.hold.group_id)) == [AdmitReply.GROUP_FULL]


def test_closed_late_unknown_and_foreign_groups():
    activity, other = make_sale(group_size=3), make_sale(group_size=3)
    (leader,) = admit(make_admission(activity, member_id=1))
    group_id = leader.hold.group_id
    joins = [make_admission(activity, member_id=member, join=group_id) for member in (2, 3)]

    change_group(activity.pk, group_id, is_closed=True)
    assert word(joins[0]) == [AdmitReply.GROUP_CLOSED]
    change_group(activity.pk, group_id, is_closed=False, deadline_ms=ledger_now_ms(partition_of(activity.pk)))
    assert word(joins[1]) == [AdmitReply.GROUP_CLOSED]
    assert word(make_admission(other, member_id=2, join=group_id)) == [AdmitReply.UNKNOWN_GROUP]
    assert word(make_admission(activity, member_id=2, join=group_id + 1)) == [AdmitReply.UNKNOWN_GROUP]


def test_a_group_of_another_activity_of_the_partition_is_unknown():
    activity = make_sale(group_size=3)
    other = next(
        other for other in (make_sale() for _ in range(40)) if partition_of(other.pk) == partition_of(activity.pk)
    )
    (leader,) = admit(make_admission(activity, member_id=1))
    assert word(make_admission(other, member_id=2, join=leader.hold.group_id)) == [AdmitReply.UNKNOWN_GROUP]


def test_a_group_keeps_the_rules_of_its_opening():
    activity = make_sale(price_fen=900, group_size=3, pay_within_seconds=100)
    (leader,) = admit(make_admission(activity, member_id=1))
    change_rules(
        activity_id=activity.pk,
        changes={"price_fen": 800, "group_size": 2, "pay_within_seconds": 500},
        actor="test",
    )
    (joiner,) = admit(make_admission(activity, member_id=2, join=leader.hold.group_id))
    (newcomer,) = admit(make_admission(activity, member_id=3))
    assert joiner.hold.unit_price_fen == 900
    assert joiner.hold.pay_by_ms - joiner.hold.accepted_ms == 100_000
    assert newcomer.hold.unit_price_fen == 800
    documents = documents_of(activity)
    assert documents[1].group_deadline_ms == documents[0].group_deadline_ms
    assert [document.group_size for document in documents] == [3, 3, 2]
    assert [document.rules_version for document in documents] == [1, 1, 2]


def test_time_to_pay_ends_with_the_group():
    activity = make_sale(group_lasts_seconds=30, pay_within_seconds=900)
    (leader,) = admit(make_admission(activity))
    assert leader.hold.pay_by_ms == leader.hold.accepted_ms + 30_000
    (joiner,) = admit(make_admission(activity, member_id=2, join=leader.hold.group_id))
    assert joiner.hold.pay_by_ms == leader.hold.pay_by_ms
    opened, joined = documents_of(activity)
    assert opened.group_deadline_ms == opened.pay_by_ms == joined.group_deadline_ms == joined.pay_by_ms


def test_queue_position_counts_what_is_not_written_down():
    activity = make_sale(stock=100)
    verdicts = admit(*(make_admission(activity, member_id=member) for member in range(1, 4)))
    assert [verdict.hold.position for verdict in verdicts] == [1, 2, 3]
    partition = partition_of(activity.pk)
    ledger(partition).hset(flow_key(partition), mapping={"persisted": 2, "rate": 1})
    (later,) = admit(make_admission(activity, member_id=9))
    assert (later.hold.position, later.hold.eta_seconds) == (2, 2)


def test_amounts_are_exact_beyond_the_digits_that_lua_prints():
    activity = make_sale(price_fen=59_999_999_999, member_limit=100_000, stock=100_000)
    (verdict,) = admit(make_admission(activity, quantity=99_997))
    assert verdict.hold.amount_fen == 59_999_999_999 * 99_997
    (document,) = documents_of(activity)
    assert document.amount_fen == 59_999_999_999 * 99_997


def test_states_of_a_scheduled_activity_open_by_the_window_alone():
    # An hour ahead, so that the sale can't start while it is being made, however slow the machine is.
    activity = make_sale(starts_in=timedelta(hours=1))
    assert activity.state == ActivityState.SCHEDULED
    assert word(make_admission(activity)) == [AdmitReply.NOT_STARTED]
    start_ms = ledger_now_ms() + 100
    ledger(partition_of(activity.pk)).hset(activity_key(activity.pk), "start_ms", start_ms)
    while (reply := word(make_admission(activity))) == [AdmitReply.NOT_STARTED]:
        assert ledger_now_ms() < start_ms + 5_000
    assert reply == [AdmitReply.ADMITTED]
    assert ledger_now_ms() >= start_ms
    activity.refresh_from_db()
    assert activity.state == ActivityState.SCHEDULED


@pytest.mark.parametrize(
    ("flow", "let_in"),
    [
        ({"accepted": 5}, 0),
        ({"accepted": 5, "persisted": 1, "rejected": 1}, 2),
        ({"accepted": 9, "later": 6}, 1),
        ({"accepted": 9, "later": 9}, 1),
        ({"accepted": 12, "persisted": 1, "later": 9}, 0),
        ({"accepted": 12, "persisted": 4, "later": 7}, 2),
    ],
)
def test_who_waits_for_a_node_keeps_nobody_out_until_they_are_too_many(settings, flow, let_in):
    activity = make_sale(stock=100)
    settings.INTAKE_BACKLOG_CEILING, settings.INTAKE_UNWRITTEN_CEILING = 5, 10
    partition = partition_of(activity.pk)
    ledger(partition).hset(flow_key(partition), mapping=flow)
    found = word(*(make_admission(activity, member_id=member) for member in range(1, 7)))
    assert found == [AdmitReply.ADMITTED] * let_in + [AdmitReply.BACKLOG] * (6 - let_in)


def test_a_full_backlog_lets_nobody_new_in(settings):
    activity = make_sale(stock=100)
    partition = partition_of(activity.pk)
    settings.INTAKE_BACKLOG_CEILING = 3
    orders = [make_admission(activity, member_id=member) for member in range(1, 6)]
    admitted, backlog = AdmitReply.ADMITTED, AdmitReply.BACKLOG
    assert word(*orders) == [admitted, admitted, admitted, backlog, backlog]
    assert read_stock(activity.pk).lock == 3
    assert len(documents_of(activity)) == 3
    # A repetition is answered, also now; and who can't have anything hears that.
    assert word(orders[0], orders[4]) == [AdmitReply.REPLAYED, backlog]
    assert word(make_admission(activity, member_id=1)) == [AdmitReply.LIMIT_EXCEEDED]
    ledger(partition).hincrby(flow_key(partition), "persisted", 1)
    assert word(*orders[3:]) == [admitted, backlog]
