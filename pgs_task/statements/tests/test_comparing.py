"""Our books and the gateway's statement fit to the fen, and every way in which they don't is found."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pgs_task.payment.gateways.contract import LineKind, StatementLine, StatementTooLong
from pgs_task.payment.gateways.statement_days import day_bounds, day_of
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.models import SandboxRefund, SandboxTrade
from pgs_task.payment.sandbox_gateway.models import TradeState as BankState
from pgs_task.payment.services import process_due_refunds, request_refund
from pgs_task.payment.services.books import book_unexpected
from pgs_task.payment.tests.making import describe_notice, make_due, make_payment, now_of, pay, send, take_at_gateway
from pgs_task.statements import comparison as comparison_module
from pgs_task.statements.services import comparing
from pgs_task.statements.services.comparing import compare_statement
from pgs_task.statements.states import DifferenceKind
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


def theirs(**fields: Any) -> StatementLine:
    """A line of a payment in the gateway's statement."""
    return StatementLine(**{"kind": LineKind.PAYMENT, "amount_fen": 990, **fields})


def kinds(comparison: Any) -> list[tuple[str, str]]:
    return [(difference.kind.value, difference.line.value) for difference in comparison.differences]


def test_books_that_fit(books):
    comparison = compare_statement(day=today(books[0]))
    assert comparison.fits
    assert (comparison.their_lines, comparison.their_paid_fen, comparison.their_refunded_fen) == (4, 2_970, 990)
    assert (comparison.our_lines, comparison.our_paid_fen, comparison.our_refunded_fen) == (4, 2_970, 990)
    assert comparison.their_fee_fen == 2 * 6


def test_self_signed_successes_are_in_the_statement_too():
    payment = make_payment()
    send(describe_notice(payment))
    comparison = compare_statement(day=today(payment))
    assert (comparison.fits, comparison.their_lines) == (True, 1)


def test_money_whose_notice_got_lost_is_found_by_its_state(books):
    take_at_gateway(make_payment())
    comparison = compare_statement(day=today(books[0]))
    assert kinds(comparison) == [(DifferenceKind.STATE, "PAYMENT")]
    assert comparison.differences[0].their_fen == 990


@pytest.mark.parametrize("payment_id", [0, 5, 2**63 - 1, 2**63])
def test_money_that_only_the_gateway_has_is_found(books, payment_id):
    lines = [*SandboxGateway().fetch_statement(day=today(books[0])), theirs(payment_id=payment_id, trade_no="foreign")]
    comparison = compare_statement(day=today(books[0]), lines=lines)
    assert kinds(comparison) == [(DifferenceKind.MISSING_HERE, "PAYMENT")]


def test_money_that_the_gateway_took_twice_is_found(books):
    lines = list(SandboxGateway().fetch_statement(day=today(books[0])))
    second = theirs(payment_id=books[1].pk, trade_no="second")
    comparison = compare_statement(day=today(books[0]), lines=[second, *lines, lines[0], lines[-1]])
    assert sorted(kinds(comparison)) == [(DifferenceKind.MISSING_HERE, "PAYMENT")] * 2 + [
        (DifferenceKind.MISSING_HERE, "REFUND")
    ]


def test_unexpected_money_in_the_journal_fits(books):
    lines = list(SandboxGateway().fetch_statement(day=today(books[0])))
    book_unexpected(payment=books[1], trade_no="second", amount_fen=5_000, at=now_of(books[1]))
    second = theirs(payment_id=books[1].pk, trade_no="second", amount_fen=5_000, fee_fen=30)
    assert compare_statement(day=today(books[0]), lines=[second, *lines]).fits
    comparison = compare_statement(day=today(books[0]), lines=lines)
    assert kinds(comparison) == [(DifferenceKind.MISSING_THERE, "PAYMENT")]
    assert comparison.differences[0].number == "second"


def test_another_fee_is_found(books, settings):
    settings.SANDBOX_GATEWAY_FEE_BASIS_POINTS = 100
    comparison = compare_statement(day=today(books[0]))
    assert sorted(kinds(comparison)) == [(DifferenceKind.FEE, "PAYMENT")] * 3 + [(DifferenceKind.FEE, "REFUND")]
    assert {(row.our_fen, row.their_fen) for row in comparison.differences} == {(6, 10), (-6, -10)}


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
    comparison = compare_statement(day=today(books[0]))
    assert (kinds(comparison), comparison.difference_count) == ([(DifferenceKind.NUMBER, "PAYMENT")], 1)


def test_a_refund_that_only_the_gateway_made_is_found(books):
    Refund.objects.filter(payment_id=books[0].pk).update(state="PROCESSING")
    assert kinds(compare_statement(day=today(books[0]))) == [(DifferenceKind.STATE, "REFUND")]


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
    assert (before.fits, before.their_lines, before.our_lines) == (True, 2, 0)


def test_many_differences_are_counted_and_the_first_kept(monkeypatch):
    monkeypatch.setattr(comparison_module, "DIFFERENCES_KEPT", 100)
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


def test_a_statement_without_end_is_refused(books, monkeypatch):
    monkeypatch.setattr(comparing, "LARGEST_STATEMENT", 1)
    with pytest.raises(StatementTooLong):
        compare_statement(day=today(books[0]))


def test_a_day_is_shanghais():
    start, end = day_bounds(date(2026, 11, 11))
    assert (start, end) == (datetime(2026, 11, 10, 16, tzinfo=UTC), datetime(2026, 11, 11, 16, tzinfo=UTC))
    assert day_of(start) == date(2026, 11, 11)
    assert day_of(end) == date(2026, 11, 12)
