"""An approved after-sale request gives its money back once, and the order stays sold."""

import pytest

from pgs_data.messaging.relay import Message
from pgs_task.payment.handlers import handle_after_sale_refunding
from pgs_task.payment.services import process_due_refunds
from pgs_task.payment.states import PaymentState, RefundState
from pgs_task.payment.tests.making import fresh, make_due, make_payment, now_of, order_of, pay
from pgs_task.payment.tests.refunding import bank_refunds, refund_of
from pgs_task.reconciliation.checks.money import money_matches_state, paid_means_paid
from pgs_task.reconciliation.checks.orders import nothing_stuck
from pgs_web.trade.after_sale.messages import describe_request
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.services import approve_request
from pgs_web.trade.after_sale.tests.making import make_request
from pgs_web.trade.order.services import mark_shipped
from pgs_web.trade.order.states import OrderState


def told(request: AfterSaleRequest) -> Message:
    return Message(
        id=1,
        node=request._state.db,
        topic="after_sale.refunding",
        shard_key=request.order_id,
        payload=describe_request(request, at=request.requested_at),
        created_at=request.requested_at,
        attempts=0,
    )


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("amount_fen", [300, 990])
def test_its_money_goes_back_once_however_often_it_is_told(amount_fen):
    payment = pay(make_payment(member_id=251))
    mark_shipped(order_ids=[payment.order_id])
    request = make_request(order_of(payment), amount_fen=amount_fen)
    approve_request(request_id=request.pk, actor="operator:1")
    handle_after_sale_refunding([told(request), told(request)])
    refund = refund_of(payment)
    assert list(nothing_stuck.find_offenders()) == []
    AfterSaleRequest.objects.filter(pk=request.pk).update(latest_by=request.requested_at)
    (stuck,) = nothing_stuck.find_offenders()
    assert f"after-sale request {request.pk}" in stuck
    assert (refund.refund_no, refund.amount_fen, refund.reason) == (f"R{payment.pk}-1", amount_fen, "after_sale")
    assert refund.latest_by > now_of(payment)
    make_due(payment)
    assert process_due_refunds() == {RefundState.SUCCEEDED: 1}
    handle_after_sale_refunding([told(request)])
    assert process_due_refunds() == {}
    assert bank_refunds(payment) == [amount_fen]
    assert AfterSaleRequest.objects.get(pk=request.pk).state == "DONE"
    # What has left the house stays sold, also when all of its money is back.
    assert order_of(payment).state == OrderState.SHIPPED
    assert fresh(payment).state == (PaymentState.REFUNDED if amount_fen == 990 else PaymentState.SUCCEEDED)
    assert [*money_matches_state.find_offenders(), *paid_means_paid.find_offenders()] == []
