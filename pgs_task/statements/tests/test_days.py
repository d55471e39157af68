"""A compared day is stored once, worked off on the desk, closed by itself, and compared again when it is due."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable, LineKind
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.models import Payment
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.models import SandboxTrade
from pgs_task.payment.tests.making import describe_notice, make_payment, pay, send, take_at_gateway
from pgs_task.statements import comparison as comparison_module
from pgs_task.statements.comparison import Difference, StatementComparison
from pgs_task.statements.errors import DayNotOver, DifferenceSettled, StatementNotRead
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.selectors import unexplained
from pgs_task.statements.services import (
    compare_day,
    compare_due_days,
    compare_file,
    days,
    resolve_difference,
    store_comparison,
    uploading,
)
from pgs_task.statements.states import DayState, DifferenceKind, DifferenceState

pytestmark = pytest.mark.django_db(databases="__all__")
DAY = date(2026, 11, 11)
NOON = datetime(2026, 11, 12, 4, tzinfo=UTC)


@pytest.fixture
def yesterday(monkeypatch: pytest.MonkeyPatch) -> date:
    """Today's bookings are of a day that is over: the clock by which days are judged is a day ahead."""
    for module in (days, uploading):
        monkeypatch.setattr(module, "database_now", lambda alias: database_now(alias) + timedelta(days=1))
    return day_of(database_now("default"))


def difference(number: str, *, ours: int = 0, theirs: int = 990) -> Difference:
    return Difference(
        kind=DifferenceKind.MISSING_HERE,
        line=LineKind.PAYMENT,
        payment_id=5,
        number=number,
        our_fen=ours,
        their_fen=theirs,
    )


def found(*differences: Difference) -> StatementComparison:
    comparison = StatementComparison(gateway="sandbox", day=DAY)
    for each in differences:
        comparison.add(each)
    return comparison


def store(*differences: Difference, minutes: int = 0) -> StatementDay:
    return store_comparison(comparison=found(*differences), began_at=NOON + timedelta(minutes=minutes))


def states() -> dict[str, str]:
    return dict(StatementDifference.objects.values_list("number", "state"))


def only(number: str) -> StatementDifference:
    return StatementDifference.objects.get(number=number)


def test_comparing_again_adds_nothing():
    for minutes in range(3):
        assert store(difference("a"), difference("b"), minutes=minutes).state == DayState.DIFFERS
    assert (states(), StatementDay.objects.count()) == ({"a": "OPEN", "b": "OPEN"}, 1)


def test_what_is_not_there_any_more_closes_itself_and_opens_when_it_is_back():
    store(difference("a"), difference("b"))
    assert store(difference("b"), minutes=1).state == DayState.DIFFERS
    assert (states(), only("a").settled_by) == ({"a": "GONE", "b": "OPEN"}, "comparison")
    assert store(minutes=2).state == DayState.FITS
    assert store(difference("a"), minutes=3).state == DayState.DIFFERS
    assert (states(), only("a").settled_by, only("a").settled_at) == ({"a": "OPEN", "b": "GONE"}, "", None)


def test_an_older_comparison_that_ends_later_changes_nothing():
    store(difference("a"), minutes=2)
    assert store(minutes=1).state == DayState.DIFFERS
    assert states() == {"a": "OPEN"}


def test_a_difference_is_worked_off_once_and_stays_so_while_it_is_the_same():
    store(difference("a"), difference("b"))
    resolved = resolve_difference(difference_id=only("a").pk, reason="paid by hand", actor="operator:1")
    assert (resolved.state, resolved.settled_by, resolved.reason) == ("RESOLVED", "operator:1", "paid by hand")
    assert resolved.settled_at is not None
    with pytest.raises(DifferenceSettled):
        resolve_difference(difference_id=resolved.pk, reason="again", actor="operator:2")
    with pytest.raises(DifferenceSettled):
        resolve_difference(difference_id=resolved.pk + 1_000, reason="none", actor="operator:2")
    assert [each.number for each in unexplained(found(difference("a"), difference("b")))] == ["b"]
    assert StatementDay.objects.get().state == DayState.DIFFERS
    resolve_difference(difference_id=only("b").pk, reason="theirs", actor="operator:1")
    assert StatementDay.objects.get().state == DayState.EXPLAINED
    assert store(difference("a"), difference("b"), minutes=1).state == DayState.EXPLAINED
    # Another amount is another matter.
    assert store(difference("a", theirs=991), minutes=2).state == DayState.DIFFERS
    assert (states(), only("a").reason) == ({"a": "OPEN", "b": "RESOLVED"}, "")


def test_a_line_that_is_repeated_is_one_difference_with_every_fen():
    repeated = difference("a"), difference("a"), difference("a", theirs=5)
    statement = store(*repeated)
    assert (statement.difference_count, only("a").their_fen) == (1, 990 + 990 + 5)
    resolve_difference(difference_id=only("a").pk, reason="paid back by hand", actor="operator:1")
    assert StatementDay.objects.get().state == DayState.EXPLAINED
    assert store(*repeated, minutes=1).state == DayState.EXPLAINED
    # Once more is another matter.
    assert store(*repeated, difference("a"), minutes=2).state == DayState.DIFFERS
    ours = replace(difference("b", ours=990, theirs=0), kind=DifferenceKind.MISSING_THERE)
    comparison = found(*repeated, ours)
    comparison.pair_numbers()
    ((kept,), count) = (comparison.differences, comparison.difference_count)
    assert (kept.kind, kept.our_fen, kept.their_fen, count) == (DifferenceKind.NUMBER, 990, 1_985, 1)


def test_of_too_many_differences_the_rest_keeps_the_day_open(monkeypatch):
    store(difference("z"))
    monkeypatch.setattr(comparison_module, "DIFFERENCES_KEPT", 2)
    statement = store(*(difference(number) for number in "abc"), minutes=1)
    assert (statement.difference_count, statement.state) == (3, DayState.DIFFERS)
    # Nobody knows whether it is among the rest.
    assert states() == {"a": "OPEN", "b": "OPEN", "z": "OPEN"}


def test_a_day_that_is_over_is_compared_by_the_beat_until_it_fits(yesterday, monkeypatch):
    paid = pay(make_payment())
    missed = make_payment()
    trade = take_at_gateway(missed)
    assert compare_due_days() == 1
    statement = StatementDay.objects.get()
    assert (statement.day, statement.state, statement.their_lines) == (yesterday, DayState.DIFFERS, 2)
    assert only(trade.trade_no).kind == DifferenceKind.STATE
    send(describe_notice(missed, trade_no=trade.trade_no))
    assert compare_due_days() == 0
    monkeypatch.setattr(days, "AGAIN_AFTER", timedelta())
    assert [compare_due_days(), compare_due_days()] == [1, 0]
    assert (StatementDay.objects.get().state, states()) == (DayState.FITS, {trade.trade_no: "GONE"})
    assert Payment.objects.get(pk=paid.pk).state == "SUCCEEDED"


def test_a_statement_that_cannot_be_had_is_tried_again(yesterday, monkeypatch):
    pay(make_payment())

    def fail(self: SandboxGateway, *, day: date) -> Any:
        raise GatewayUnavailable("not made yet")

    with monkeypatch.context() as patch:
        patch.setattr(SandboxGateway, "fetch_statement", fail)
        assert compare_due_days() == 1
    statement = StatementDay.objects.get()
    assert (statement.state, statement.error) == (DayState.FAILED, "not made yet")
    assert compare_due_days() == 0
    StatementDay.objects.update(tried_at=NOON - timedelta(days=365))
    assert compare_due_days() == 1
    statement.refresh_from_db()
    assert (statement.state, statement.error) == (DayState.FITS, "")


def test_only_days_that_are_over_are_compared():
    for day in (datetime.now(tz=UTC).date() + timedelta(days=1), date(2020, 1, 1), date.min, date.max):
        with pytest.raises(DayNotOver):
            compare_day(gateway="sandbox", day=day)
    assert compare_due_days() == 0


# Files

HEADER = "kind,payment_id,trade_no,amount_fen,refund_no,fee_fen\n"


def bring(text: str | bytes, *, day: date, size: int = 10) -> StatementDay:
    body = text if isinstance(text, bytes) else text.encode()
    return compare_file(gateway="sandbox", day=day, file=io.BytesIO(body), size=size)


def test_a_file_is_compared_like_a_fetched_statement(yesterday):
    payment = pay(make_payment())
    statement = bring(f"{HEADER}PAYMENT,{payment.pk},{payment.trade_no},990,,6\n", day=yesterday)
    assert (statement.state, statement.is_uploaded, statement.their_fee_fen) == (DayState.FITS, True, 6)
    statement = bring(f"{HEADER}PAYMENT,{payment.pk},{payment.trade_no},991,,\n", day=yesterday)
    assert (statement.state, [row.kind for row in StatementDifference.objects.all()]) == ("DIFFERS", ["amount"])
    # What an operator brought isn't thrown away by the beat.
    assert compare_due_days() == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "kind,payment_id\nPAYMENT,1\n",
        b"\xff\xfe\x00",
        b"PK\x03\x04",
        HEADER + "PAYMENT,1,t,1.5,,\n",
        HEADER + "PAYMENT,1,t,-990,,\n",
        HEADER + "PAYMENT,1,t,1e3,,\n",
        HEADER + "PAYMENT,1,t,99999999999999999999999,,\n",
        HEADER + "PAYMENT,x,t,990,,\n",
        HEADER + "PAYMENT,1,,990,,\n",
        HEADER + "GIFT,1,t,990,,\n",
        HEADER + "REFUND,1,t,990,,\n",
        HEADER + 'PAYMENT,1,"t,990,,\n',
        HEADER + "PAYMENT,1,t,990,,,more\n",
        HEADER + "PAYMENT,1," + "9" * 2_000 + ",990,,\n",
        HEADER + "PAYMENT,1,t,990,,\nPAYMENT,1,=cmd,99O,,\n",
    ],
)
def test_a_file_that_is_no_statement_changes_nothing(yesterday, text):
    with pytest.raises(StatementNotRead):
        bring(text, day=yesterday)
    assert StatementDay.objects.count() == 0


def test_a_file_that_is_too_large_is_not_read(yesterday):
    with pytest.raises(StatementNotRead):
        bring(HEADER, day=yesterday, size=21 * 1024 * 1024)


def test_a_trade_that_nobody_took_back_is_money_only_they_have(yesterday):
    SandboxTrade.objects.all().delete()
    statement = bring(f"{HEADER}PAYMENT,77,foreign,990,,\n", day=yesterday)
    assert (statement.state, only("foreign").kind, only("foreign").state) == (
        DayState.DIFFERS,
        DifferenceKind.MISSING_HERE,
        DifferenceState.OPEN,
    )
