"""What a gateway won't pay back is paid by hand, vouched for by two people, and never beside the gateway."""

import pytest

from pgs_task.journal.models import JournalEntry
from pgs_task.payment.errors import RefundAtGateway, RefundNotClaimed, RefundNotManual
from pgs_task.payment.models import Payment, Refund
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind
from pgs_task.payment.sandbox_gateway.services import refund_trade
from pgs_task.payment.services import (
    by_hand,
    claim_paid_by_hand,
    confirm_paid_by_hand,
    process_due_refunds,
    retry_refund,
)
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import fresh, make_due, order_of
from pgs_task.payment.tests.refunding import bank_refunds, make_refunding, refund_of
from pgs_task.reconciliation.checks.journal import balances_match_money, journal_has_each_movement
from pgs_task.reconciliation.checks.money import money_matches_state, refunds_within_payment
from pgs_task.reconciliation.checks.statements import books_match_statement
from pgs_web.api.errors import Unavailable
from pgs_web.trade.order.states import OrderState

pytestmark = pytest.mark.django_db(databases="__all__")
ONE, TWO = "operator:1", "operator:2"


def make_manual(settings) -> Payment:
    """A refund that the gateway has refused until a person was called."""
    settings.REFUND_RETRY_SECONDS = []
    payment = make_refunding()
    set_fault(kind=FaultKind.REFUND_REFUSED, times=1)
    assert process_due_refunds() == {RefundState.MANUAL: 1}
    return payment


def claim(payment: Payment, actor: str = ONE) -> Refund:
    return claim_paid_by_hand(payment_id=payment.pk, refund_no=f"R{payment.pk}", evidence="bank 7", actor=actor)


def confirm(payment: Payment, actor: str = TWO) -> Refund:
    return confirm_paid_by_hand(payment_id=payment.pk, refund_no=f"R{payment.pk}", actor=actor)


def test_two_people_end_it_once_and_the_books_agree(settings):
    payment = make_manual(settings)
    with pytest.raises(RefundNotClaimed):
        confirm(payment)
    claim(payment)
    with pytest.raises(RefundNotManual):
        claim(payment, TWO)
    with pytest.raises(RefundNotClaimed):
        confirm(payment, ONE)
    done = confirm(payment)
    assert (done.state, done.gateway, done.claimed_by, done.approved_by) == ("SUCCEEDED", "by_hand", ONE, TWO)
    assert fresh(payment).state == PaymentState.REFUNDED
    assert order_of(payment).state == OrderState.REFUNDED
    with pytest.raises(RefundNotManual):
        confirm(payment)
    make_due(payment)
    assert process_due_refunds() == {}
    assert bank_refunds(payment) == []
    entries = JournalEntry.objects.filter(payment_id=payment.pk, reference=done.refund_no)
    assert {entry.account for entry in entries} == {"customer_deposits", "gateway_clearing:by_hand"}
    checks = [money_matches_state, refunds_within_payment, books_match_statement]
    checks += [journal_has_each_movement, balances_match_money]
    assert [line for check in checks for line in check.find_offenders()] == []


def test_nobody_pays_beside_the_gateway(settings):
    payment = make_manual(settings)
    set_fault(kind=FaultKind.QUERY_UNAVAILABLE, times=1)
    with pytest.raises(Unavailable):
        claim(payment)
    claim(payment)
    # An earlier try that it never answered turns out to be done.
    refund_trade(payment_id=payment.pk, refund_no=f"R{payment.pk}", amount_fen=payment.amount_fen)
    with pytest.raises(RefundAtGateway):
        confirm(payment)
    retry_refund(payment_id=payment.pk, refund_no=f"R{payment.pk}")
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert bank_refunds(payment) == [payment.amount_fen]
    assert (refund_of(payment).claimed_by, refund_of(payment).gateway) == (None, "sandbox")


def test_a_retry_takes_the_claim_away_also_in_the_moment_of_the_confirmation(settings, monkeypatch):
    payment = make_manual(settings)
    claim(payment)

    def retry_meanwhile(refund: Refund, _actor: str) -> None:
        retry_refund(payment_id=payment.pk, refund_no=refund.refund_no)

    monkeypatch.setattr(by_hand, "_require_undone", retry_meanwhile)
    with pytest.raises(RefundNotClaimed):
        confirm(payment)
    refund = refund_of(payment)
    assert (refund.state, refund.claimed_by, refund.approved_by) == (RefundState.PROCESSING, None, None)
