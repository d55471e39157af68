"""What a payment takes and gives back stands in the journal, with the gateway's fees, once, also after the fact."""

import pytest
from django.db import IntegrityError, connections

from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.journal.accounts import MovementCause
from pgs_task.journal.models import JournalEntry
from pgs_task.journal.tests.reading import moved_by_cause
from pgs_task.payment.gateways.fees import fee_of, fee_to_return
from pgs_task.payment.models import Payment
from pgs_task.payment.services import process_due_refunds, write_missing_journal
from pgs_task.payment.services.books import book_given_back, book_unexpected
from pgs_task.payment.services.refunds import insert_refund
from pgs_task.payment.tests.making import describe_notice, make_due, make_payment, now_of, pay, send
from pgs_task.payment.tests.refunding import make_refunding
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

EVERYWHERE = pytest.mark.django_db(databases="__all__")


@pytest.mark.parametrize(
    ("amount_fen", "rate", "fee_fen"),
    [(990, 60, 6), (1000, 45, 5), (1, 60, 0), (83, 60, 0), (84, 60, 1), (10**15, 60, 6 * 10**12)],
)
def test_fees_round_half_up(settings, amount_fen, rate, fee_fen):
    settings.PAYMENT_FEE_BASIS_POINTS = {"bank": rate}
    assert fee_of(gateway="bank", amount_fen=amount_fen) == fee_fen
    assert fee_of(gateway="other", amount_fen=amount_fen) == 0


@pytest.mark.parametrize(
    ("parts", "returned"), [([990], [6]), ([330, 330, 330], [2, 2, 2]), ([1, 989], [0, 5]), ([500, 490], [3, 2])]
)
def test_a_refund_returns_its_share_of_the_fee(settings, parts, returned):
    settings.PAYMENT_FEES_RETURNED_BY = ["bank"]
    assert [fee_to_return(gateway="bank", fee_fen=6, paid_fen=990, amount_fen=part) for part in parts] == returned
    assert fee_to_return(gateway="other", fee_fen=6, paid_fen=990, amount_fen=990) == 0


def make_late() -> Payment:
    """A payment that came after its order was cancelled; its refund is due."""
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    pay(payment)
    make_due(payment)
    return payment


@EVERYWHERE
def test_paid_and_refunded():
    payment = make_refunding()
    send(describe_notice(payment, trade_no=payment.trade_no, notice_id="again"))
    assert moved_by_cause(payment_id=payment.pk) == {MovementCause.PAID: 990, MovementCause.FEE: 6}
    process_due_refunds()
    assert moved_by_cause(payment_id=payment.pk) == {
        MovementCause.PAID: 990,
        MovementCause.FEE: 6,
        MovementCause.REFUNDED: 990,
        MovementCause.FEE_RETURNED: 6,
    }
    entry = JournalEntry.objects.filter(payment_id=payment.pk).earliest("id")
    assert (entry.at, entry.order_id) == (payment.paid_at, payment.order_id)


@EVERYWHERE
def test_late_and_returned_by_a_gateway_that_keeps_its_fee(settings):
    settings.PAYMENT_FEES_RETURNED_BY = []
    payment = make_late()
    assert moved_by_cause(payment_id=payment.pk) == {MovementCause.LATE_PAID: 990, MovementCause.FEE: 6}
    process_due_refunds()
    assert moved_by_cause(payment_id=payment.pk) == {
        MovementCause.LATE_PAID: 990,
        MovementCause.FEE: 6,
        MovementCause.RETURNED: 990,
    }


@EVERYWHERE
def test_unexpected_money_comes_and_goes_by_its_trade():
    payment = pay(make_payment())
    for trade_no in ("second", "third"):
        book_unexpected(payment=payment, trade_no=trade_no, amount_fen=5_000, at=now_of(payment))
    with pytest.raises(IntegrityError), node_transaction(payment.pk):
        book_unexpected(payment=payment, trade_no="third", amount_fen=5_000, at=now_of(payment))
    with node_transaction(payment.pk):
        refund = insert_refund(
            payment=payment,
            reason="second_trade",
            now=now_of(payment),
            amount_fen=5_000,
            trade_no="third",
            refund_no="R-third",
        )
    book_given_back(payment=payment, refund=refund, at=now_of(payment))
    assert moved_by_cause(payment_id=payment.pk) == {
        MovementCause.PAID: 990,
        MovementCause.UNEXPECTED_PAID: 10_000,
        MovementCause.FEE: 6 + 30 + 30,
        MovementCause.RETURNED: 5_000,
        MovementCause.FEE_RETURNED: 30,
    }


@EVERYWHERE
def test_what_is_missing_is_written_after_the_fact_and_only_once():
    paid = [pay(make_payment(member_id=member_id)) for member_id in MEMBERS_ON_THREE_NODES]
    late, refunded = make_late(), make_refunding()
    process_due_refunds()
    payments = [*paid, late, refunded]
    before = {payment.pk: moved_by_cause(payment_id=payment.pk) for payment in payments}
    assert write_missing_journal() == 0
    for alias in {alias_of_id(payment.pk) for payment in payments}:
        with connections[alias].cursor() as cursor:
            cursor.execute("DELETE FROM journal_entry")
    assert write_missing_journal() == 2 * 3 + 4 + 4
    assert write_missing_journal() == 0
    assert {payment.pk: moved_by_cause(payment_id=payment.pk) for payment in payments} == before
