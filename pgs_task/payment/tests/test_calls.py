"""What gateways were asked is kept, for so long, and stands in nobody's way."""

import pytest
from django.db import OperationalError

from pgs_task.payment.gateways.contract import GatewayUnavailable, RefundAnswer, RefundAnswerState
from pgs_task.payment.models import GatewayCall
from pgs_task.payment.sandbox_gateway.faults import set_fault
from pgs_task.payment.sandbox_gateway.models import FaultKind
from pgs_task.payment.services import calls, close_payment, process_due_refunds
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.states import CallKind, RefundState
from pgs_task.payment.tests.making import make_due, make_payment
from pgs_task.payment.tests.refunding import make_refunding

pytestmark = pytest.mark.django_db(databases="__all__")


def calls_of(payment_id: int) -> list[tuple[str, str]]:
    rows = GatewayCall.objects.filter(payment_id=payment_id).order_by("pk")
    return list(rows.values_list("kind", "answer"))


def test_each_question_and_its_answer_is_noted():
    payment = make_payment(member_id=251)
    close_payment(payment_id=payment.pk)
    assert calls_of(payment.pk) == [("close", "CLOSED")]
    refunding = make_refunding()
    set_fault(kind=FaultKind.REFUND_DONE_UNANSWERED, times=1)
    process_due_refunds()
    make_due(refunding)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    assert calls_of(refunding.pk) == [("refund", "no_answer"), ("query_refund", "SUCCEEDED")]
    last = GatewayCall.objects.filter(payment_id=refunding.pk).last()
    assert (last.refund_no, last.detail, last.asked_by) == (f"R{refunding.pk}", f"SBRR{refunding.pk}", "clock")


def test_a_note_that_cannot_be_written_changes_nothing(monkeypatch):
    payment = make_payment()

    def fail(**_facts):
        raise OperationalError("away")

    monkeypatch.setattr(GatewayCall.objects, "create", fail)
    answer = RefundAnswer(state=RefundAnswerState.SUCCEEDED)
    assert call_gateway(lambda: answer, payment_id=payment.pk, kind=CallKind.REFUND) is answer

    def silent() -> RefundAnswer:
        raise GatewayUnavailable("silent")

    with pytest.raises(GatewayUnavailable):
        call_gateway(silent, payment_id=payment.pk, kind=CallKind.REFUND)


def test_only_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr(calls, "CALLS_KEPT", 2)
    monkeypatch.setattr(calls, "LOOK_EVERY", 1)
    payment = make_payment()
    for state in RefundAnswerState:
        answer = RefundAnswer(state=state)
        call_gateway(lambda answer=answer: answer, payment_id=payment.pk, kind=CallKind.QUERY_REFUND)
    assert [answer for _kind, answer in calls_of(payment.pk)] == ["SUCCEEDED", "REFUSED"]
