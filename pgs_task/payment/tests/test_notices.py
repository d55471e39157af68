"""A believed notice has its effect once, whenever and however often it comes."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import (
    NumberTaken,
)
from pgs_task.payment.models import Notice, Payment
from pgs_task.payment.services import request_refund
from pgs_task.payment.services.moves import lock_order
from pgs_task.payment.states import NoticeOutcome, PaymentState
from pgs_task.payment.tests.making import (
    assert_untouched,
    describe_notice,
    fresh,
    make_payment,
    notices_of,
    now_of,
    order_of,
    pay,
    refunds_of,
    send,
    start,
    topics_of,
)
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


# What it does


@EVERYWHERE
@pytest.mark.parametrize("member_id", MEMBERS_ON_THREE_NODES)
def test_a_success_pays_the_order(member_id):
    payment = make_payment(member_id=member_id)
    assert send(describe_notice(payment)) == b"success"
    paid = fresh(payment)
    assert (paid.state, paid.trade_no) == (PaymentState.SUCCEEDED, f"t-{payment.pk}")
    assert (paid.open_order_id, paid.paid_order_id) == (None, payment.order_id)
    order = order_of(payment)
    assert (order.state, order.paid_at) == (OrderState.TO_SHIP, paid.paid_at)
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    (notice,) = notices_of(payment)
    assert (notice.outcome, notice.amount_fen) == (NoticeOutcome.PAID, payment.amount_fen)


@EVERYWHERE
@pytest.mark.parametrize("hours", [-48, 48])
def test_the_gateways_clock_cannot_leave_the_bounds_of_ours(hours):
    payment = make_payment()
    send(describe_notice(payment, paid_at=(datetime.now(tz=UTC) + timedelta(hours=hours)).isoformat()))
    paid = fresh(payment)
    assert payment.created_at <= paid.paid_at <= now_of(payment)


@EVERYWHERE
def test_the_same_notice_again_is_answered_success_and_does_nothing():
    payment = make_payment()
    notice = describe_notice(payment)
    assert [send(notice) for _ in range(3)] == [b"success"] * 3
    assert len(notices_of(payment)) == 1
    assert topics_of(payment) == ["order.paid", "order.to_ship"]


@EVERYWHERE
def test_spelling_does_not_make_another_notice():
    payment = make_payment()
    notice = describe_notice(payment)
    send(notice)
    assert send(json.dumps(dict(reversed(notice.items())), indent=2).encode()) == b"success"
    assert send(describe_notice(payment)) == b"success"  # with another moment
    assert len(notices_of(payment)) == 1


@EVERYWHERE
def test_the_same_trade_under_a_new_notice_number_is_a_duplicate():
    payment = make_payment()
    send(describe_notice(payment))
    assert send(describe_notice(payment, notice_id="other")) == b"success"
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.DUPLICATE]
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert refunds_of(payment) == []


@EVERYWHERE
@pytest.mark.parametrize("changes", [{"status": "FAIL"}, {"trade_no": "t-x"}, {"amount_fen": 1}])
def test_the_same_notice_number_with_other_content_is_refused(changes):
    payment = make_payment()
    notice = describe_notice(payment)
    send(notice)
    with pytest.raises(NumberTaken):
        send(notice | changes)
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert len(notices_of(payment)) == 1


@EVERYWHERE
@pytest.mark.parametrize("others_member", MEMBERS_ON_THREE_NODES)
def test_one_notice_number_serves_one_payment_over_all_nodes(others_member):
    payment, other = make_payment(), make_payment(member_id=others_member)
    send(describe_notice(payment, notice_id="same"))
    with pytest.raises(NumberTaken):
        send(describe_notice(other, notice_id="same"))
    assert_untouched(other)


@EVERYWHERE
@pytest.mark.parametrize("others_member", MEMBERS_ON_THREE_NODES)
def test_one_trade_number_pays_one_payment_over_all_nodes(others_member):
    payment, other = make_payment(), make_payment(member_id=others_member)
    send(describe_notice(payment, trade_no="same"))
    with pytest.raises(NumberTaken):
        send(describe_notice(other, trade_no="same"))
    assert_untouched(other)


@EVERYWHERE
def test_a_second_trade_of_a_paid_payment_is_an_anomaly():
    payment = make_payment()
    send(describe_notice(payment))
    with pytest.raises(NumberTaken):
        send(describe_notice(payment, notice_id="second", trade_no="second"))
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.SECOND_TRADE]
    assert fresh(payment).trade_no == f"t-{payment.pk}"


@EVERYWHERE
def test_a_failed_attempt_leaves_the_payment_open():
    payment = make_payment()
    assert send(describe_notice(payment, status="FAIL", paid_at=None)) == b"success"
    assert_untouched(payment)
    assert start(order_of(payment)).pk == payment.pk
    send(describe_notice(payment, notice_id="then"))
    assert fresh(payment).state == PaymentState.SUCCEEDED


@EVERYWHERE
def test_a_closed_trade_closes_the_payment_and_a_new_one_can_be_opened():
    payment = make_payment()
    assert send(describe_notice(payment, status="CLOSED", paid_at=None)) == b"success"
    assert fresh(payment).state == PaymentState.CLOSED
    second = start(order_of(payment))
    assert second.pk != payment.pk
    assert pay(second).state == PaymentState.SUCCEEDED


@EVERYWHERE
@pytest.mark.parametrize("status", ["FAIL", "CLOSED"])
def test_bad_news_about_a_paid_payment_changes_nothing(status):
    payment = make_payment()
    send(describe_notice(payment))
    assert send(describe_notice(payment, notice_id="after", status=status, paid_at=None)) == b"success"
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert notices_of(payment)[-1].outcome == NoticeOutcome.IGNORED


# Too late


def assert_goes_back(payment: Payment) -> None:
    late = fresh(payment)
    assert (late.state, late.paid_order_id, late.refunded_fen) == (PaymentState.LATE, None, late.amount_fen)
    (refund,) = refunds_of(payment)
    assert (refund.amount_fen, refund.reason, refund.state) == (payment.amount_fen, "late_payment", "WAITING")


@EVERYWHERE
def test_a_success_on_a_cancelled_order_is_late_and_goes_back():
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    assert send(describe_notice(payment)) == b"success"
    assert_goes_back(payment)
    assert order_of(payment).state == OrderState.CANCELLED
    assert topics_of(payment) == ["order.cancelled"]


@EVERYWHERE
def test_a_success_after_closing_is_late_and_goes_back():
    payment = make_payment()
    send(describe_notice(payment, status="CLOSED", paid_at=None, notice_id="closed"))
    send(describe_notice(payment))
    assert_goes_back(payment)
    assert order_of(payment).state == OrderState.UNPAID


@EVERYWHERE
def test_the_second_paid_payment_of_an_order_goes_back():
    first = make_payment()
    send(describe_notice(first, status="CLOSED", paid_at=None, notice_id="closed"))
    second = start(order_of(first))
    pay(second)
    send(describe_notice(first))
    assert_goes_back(first)
    assert fresh(second).state == PaymentState.SUCCEEDED
    assert refunds_of(second) == []


@EVERYWHERE
def test_a_payment_past_its_pay_by_time_counts_while_the_order_is_unpaid():
    payment = make_payment(pay_within=timedelta(minutes=1))
    Order.objects.filter(pk=payment.order_id).update(pay_by=now_of(payment) - timedelta(seconds=1))
    send(describe_notice(payment))
    assert order_of(payment).state == OrderState.TO_SHIP


@EVERYWHERE
def test_a_late_payment_and_a_refund_wish_make_one_refund():
    payment = make_payment()
    pay(payment)
    for reason in ("by_member", "group_failed", "by_operator"):
        request_refund(order_id=payment.order_id, reason=reason)
    (refund,) = refunds_of(payment)
    assert refund.reason == "by_member"
    assert fresh(payment).refunded_fen == payment.amount_fen


# All at once


def at_once(count: int, act: Any) -> list[Any]:
    """The results, or exceptions, of act(0) … act(count - 1), started together in threads."""
    gate = threading.Barrier(count)

    def run(place: int) -> Any:
        try:
            gate.wait(timeout=30)
            return act(place)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.slow
@WITH_THREADS
def test_a_hundred_copies_at_once_have_one_effect():
    payment = make_payment()
    notice = describe_notice(payment)
    assert at_once(100, lambda _place: send(notice)) == [b"success"] * 100
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert len(notices_of(payment)) == 1
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert Order.objects.get(pk=payment.order_id).log_count == 3


@WITH_THREADS
def test_twenty_notices_of_one_trade_at_once_have_one_effect():
    payment = make_payment()
    results = at_once(20, lambda place: send(describe_notice(payment, notice_id=f"n{place}")))
    assert results == [b"success"] * 20
    outcomes = [notice.outcome for notice in notices_of(payment)]
    assert sorted(outcomes) == [NoticeOutcome.DUPLICATE] * 19 + [NoticeOutcome.PAID]
    assert topics_of(payment) == ["order.paid", "order.to_ship"]


@WITH_THREADS
def test_one_trade_number_for_payments_of_all_nodes_at_once_pays_one():
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    results = at_once(3, lambda place: send(describe_notice(payments[place], trade_no="same")))
    assert sum(result == b"success" for result in results) == 1
    assert sum(isinstance(result, NumberTaken) for result in results) == 2
    assert [fresh(payment).state for payment in payments].count(PaymentState.SUCCEEDED) == 1


@WITH_THREADS
@pytest.mark.slow
def test_notice_against_cancellation_has_one_winner():
    seen = set()
    # The loser of a round starts 10 ms earlier in the next: however fast the machine is, the rounds become close.
    heads_start = 0.0
    for _ in range(30):
        payment = make_payment()

        def act(place: int, payment: Payment = payment, heads_start: float = heads_start) -> Any:
            time.sleep(max(0.0, -heads_start if place == 0 else heads_start))
            if place == 0:
                return send(describe_notice(payment))
            return cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")

        results = at_once(2, act)
        assert results[0] == b"success"
        order, now = order_of(payment), fresh(payment)
        seen.add(order.state)
        heads_start += 0.01 if order.state == OrderState.CANCELLED else -0.01
        if order.state == OrderState.CANCELLED:
            assert_goes_back(payment)
            assert topics_of(payment) == ["order.cancelled"]
        else:
            assert (order.state, now.state, refunds_of(payment)) == (OrderState.TO_SHIP, PaymentState.SUCCEEDED, [])
            assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert seen == {OrderState.CANCELLED, OrderState.TO_SHIP}


@pytest.mark.slow
@WITH_THREADS
def test_who_decides_about_an_orders_money_keeps_the_others_waiting():
    payment = make_payment()

    def cancel() -> None:
        cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
        connections.close_all()

    other = threading.Thread(target=cancel)
    with node_transaction(payment.order_id):
        order = lock_order(order_id=payment.order_id)
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive()
        assert Order.objects.get(pk=payment.order_id).state == order.state == OrderState.UNPAID
    other.join(timeout=10)
    assert order_of(payment).state == OrderState.CANCELLED


@EVERYWHERE
def test_a_crash_before_the_commit_leaves_nothing_but_the_numbers(monkeypatch):
    payment = make_payment()
    notice = describe_notice(payment)

    class PowerCut(BaseException):
        pass

    def cut(**_facts: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr("pgs_task.payment.services.results._store", lambda *_args, **_facts: cut())
        with pytest.raises(PowerCut):
            send(notice)
    assert_untouched(payment)
    assert send(notice) == b"success"
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert Notice.objects.on_node(alias_of_id(payment.pk)).filter(payment_id=payment.pk).count() == 1
