"""Our books and the gateway's statement fit to the fen, and every way in which they don't is found."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.models import SandboxRefund, SandboxTrade
from pgs_task.payment.sandbox_gateway.models import TradeState as BankState
from pgs_task.payment.services import (
    compare_all_statements,
    compare_statement,
    process_due_refunds,
    request_refund,
    statements,
)
from pgs_task.payment.services.statements import DifferenceKind
from pgs_task.payment.tests.making import describe_notice, make_due, make_payment, now_of, pay, send, take_at_gateway
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import RefundReason
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def books() -> list[Payment]:
    """Three paid payments on three nodes, the first of them refunded, and one unpaid."""
    payments = [pay(make_payment(member_id=member_id)) for member_id in MEMBERS_ON_THREE_NODES]
    first = payments[0]
    start_refund(order_id=first.order_id, reason=RefundReason.BY_OPERATOR, actor="test")
    request_refund(order_id=first.order_id, reason="by_operator")
    make_due(first)
    process_due_refunds()
    make_payment()
    return payments


def today(payment: Payment) -> date:
    return day_of(now_of(payment))


def kinds(comparison: Any) -> list[tuple[str, str]]:
    return [(difference.kind.value, difference.line.value) for difference in comparison.differences]


def test_books_that_fit(books):
    (comparison,) = compare_all_statements()
    assert comparison.fits
    assert (comparison.payment_count, comparison.payment_fen) == (3, 2_970)
    assert (comparison.refund_count, comparison.refund_fen) == (1, 990)


def test_self_signed_successes_are_in_the_statement_too():
    payment = make_payment()
    send(describe_notice(payment))
    comparison = compare_statement(day=today(payment))
    assert (comparison.fits, comparison.payment_count) == (True, 1)


def test_money_that_only_the_gateway_has_is_found(books):
    take_at_gateway(make_payment())
    comparison = compare_statement(day=today(books[0]))
    assert kinds(comparison) == [(DifferenceKind.MISSING_HERE, "PAYMENT")]
    assert comparison.differences[0].their_fen == 990


def test_money_that_only_we_have_is_found(books):
    SandboxTrade.objects.filter(payment_id=books[1].pk).update(state=BankState.OPEN, taken_at=None)
    assert kinds(compare_statement(day=today(books[0]))) == [(DifferenceKind.MISSING_THERE, "PAYMENT")]


def test_another_amount_is_found(books):
    SandboxTrade.objects.filter(payment_id=books[1].pk).update(amount_fen=991)
    comparison = compare_statement(day=today(books[0]))
    assert kinds(comparison) == [(DifferenceKind.AMOUNT, "PAYMENT")]
    assert (comparison.differences[0].our_fen, comparison.differences[0].their_fen) == (990, 991)


def test_another_trade_number_is_found(books):
    SandboxTrade.objects.filter(payment_id=books[1].pk).update(trade_no="other")
    assert kinds(compare_statement(day=today(books[0]))) == [(DifferenceKind.NUMBER, "PAYMENT")]


def test_a_refund_that_only_the_gateway_made_is_found(books):
    Refund.objects.filter(payment_id=books[0].pk).update(state="PROCESSING")
    assert kinds(compare_statement(day=today(books[0]))) == [(DifferenceKind.MISSING_HERE, "REFUND")]


def test_a_refund_that_only_we_made_is_found(books):
    SandboxRefund.objects.all().delete()
    assert kinds(compare_statement(day=today(books[0]))) == [(DifferenceKind.MISSING_THERE, "REFUND")]


def test_a_line_booked_on_the_other_side_of_midnight_fits(books):
    day = today(books[0])
    start, _end = day_bounds(day)
    SandboxTrade.objects.filter(payment_id=books[1].pk).update(taken_at=start - timedelta(seconds=1))
    SandboxRefund.objects.all().update(refunded_at=start - timedelta(seconds=1))
    assert compare_statement(day=day).fits
    before = compare_statement(day=day - timedelta(days=1))
    assert (before.fits, before.payment_count, before.refund_count) == (True, 1, 1)


def test_many_differences_are_counted_and_the_first_hundred_kept():
    SandboxTrade.objects.bulk_create(
        SandboxTrade(
            payment_id=number,
            trade_no=f"t{number}",
            amount_fen=1,
            currency="CNY",
            state=BankState.TAKEN,
            taken_at=datetime(2026, 11, 11, 4, tzinfo=UTC),
        )
        for number in range(1, 1_102)
    )
    comparison = compare_statement(day=date(2026, 11, 11))
    assert (comparison.difference_count, len(comparison.differences)) == (1_101, 100)


def test_a_statement_beyond_memory_is_refused(books, monkeypatch):
    monkeypatch.setattr(statements, "LARGEST_STATEMENT", 1)
    with pytest.raises(statements.StatementTooLong):
        compare_statement(day=today(books[0]))


def test_a_day_is_shanghais():
    start, end = day_bounds(date(2026, 11, 11))
    assert (start, end) == (datetime(2026, 11, 10, 16, tzinfo=UTC), datetime(2026, 11, 11, 16, tzinfo=UTC))
    assert day_of(start) == date(2026, 11, 11)
    assert day_of(end) == date(2026, 11, 12)
