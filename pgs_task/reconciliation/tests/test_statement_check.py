"""M4 is never ok for want of a statement, except while a gateway can't have published it; worked-off days are."""

from datetime import date
from typing import Any

import pytest

from pgs_data.clock import database_now
from pgs_task.payment.gateways.contract import GatewayUnavailable
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.models import SandboxTrade
from pgs_task.payment.tests.making import make_payment, pay
from pgs_task.reconciliation.checks import statements
from pgs_task.statements.models import StatementDifference
from pgs_task.statements.services import compare_statement, resolve_difference, store_comparison

pytestmark = pytest.mark.django_db(databases="__all__")


def offenders() -> list[str]:
    return list(statements.books_match_statement.find_offenders())


def test_without_a_statement(monkeypatch):
    def fail(self: SandboxGateway, *, day: date) -> Any:
        raise GatewayUnavailable("away")

    pay(make_payment())
    assert offenders() == []
    monkeypatch.setattr(SandboxGateway, "fetch_statement", fail)
    (said,) = offenders()
    assert "the statement can't be had (away)" in said
    monkeypatch.setattr(statements, "PUBLISHED_AT_ONCE", frozenset())
    assert offenders() == []


def test_a_difference_that_was_worked_off_is_no_offence_while_it_is_the_same():
    payment = pay(make_payment())
    SandboxTrade.objects.filter(payment_id=payment.pk).update(amount_fen=1_000)
    now = database_now("default")
    store_comparison(comparison=compare_statement(day=day_of(now)), began_at=now)
    (said,) = offenders()
    assert "ours 990, theirs 1000 fen" in said
    resolve_difference(difference_id=StatementDifference.objects.get().pk, reason="theirs", actor="operator:1")
    assert offenders() == []
    SandboxTrade.objects.filter(payment_id=payment.pk).update(amount_fen=1_001)
    (said,) = offenders()
    assert "theirs 1001" in said
