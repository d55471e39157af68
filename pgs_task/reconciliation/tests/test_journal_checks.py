"""M6 to M8 can fail, each for its own damage, and say what an engineer has to know."""

import pytest

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment
from pgs_task.reconciliation.tests.damaging import Damage, assert_seen, delete_beside, write

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_a_journal_that_somebody_meddled_with(shop):
    alias = alias_of_id(shop.orders["shipped"])
    paid = Payment.objects.on_node(alias).get(paid_order_id=shop.orders["shipped"])

    def change(changes: str, condition: str, *, name: str = "shipped") -> None:
        order_id = shop.orders[name]
        write(
            alias_of_id(order_id), f"UPDATE journal_entry SET {changes} WHERE order_id = %s AND {condition}", order_id
        )

    def once_more(cause: str, reference: str) -> None:
        statement = (
            "INSERT INTO journal_entry (payment_id, order_id, cause, reference, line, account, debit_fen, credit_fen,"
            " at, recorded_at) SELECT payment_id, order_id, %s, %s, line, account, debit_fen, credit_fen, at,"
            " recorded_at FROM journal_entry WHERE payment_id = %s AND cause = 'PAID'"
        )
        write(alias, statement, cause, reference, paid.pk)

    assert_seen(
        Damage(
            "a payment was never booked",
            lambda: delete_beside(shop, "journal_entry", "shipped", "AND cause = 'PAID'"),
            "M6 M8",
            (paid.pk, alias, "stands in the journal as nothing"),
        ),
        Damage(
            "a refund was never booked",
            lambda: delete_beside(shop, "journal_entry", "refunded", "AND cause = 'REFUNDED'"),
            "M6 M8",
            ("its refund R", "stands in the journal as nothing"),
        ),
        Damage(
            "one side was changed",
            lambda: change("debit_fen = 1501", "cause = 'PAID' AND line = 1"),
            "M7 M6 M8",
            ("debit 1501, credit 1500", alias),
        ),
        Damage(
            "both sides were changed",
            lambda: change("debit_fen = debit_fen * 2, credit_fen = credit_fen * 2", "cause = 'PAID'"),
            "M8 M6",
            ("gateway_clearing:sandbox", alias),
        ),
        Damage(
            "it was put on another account",
            lambda: change("account = 'refunds_payable'", "cause = 'PAID' AND line = 2"),
            "M6",
            (paid.pk, "refunds_payable"),
        ),
        Damage(
            "a payment was booked twice, under another number",
            lambda: once_more("PAID", "1"),
            "M6 M8",
            (paid.pk, "PAID 1 customer_deposits -1500"),
        ),
        Damage(
            "money went back that never did",
            lambda: once_more("REFUNDED", "R1"),
            "M6 M8",
            ("REFUNDED R1 1",),
        ),
        Damage(
            "the gateway gave back more fee than it took",
            lambda: change(
                "debit_fen = debit_fen * 2, credit_fen = credit_fen * 2", "cause = 'FEE_RETURNED'", name="refunded"
            ),
            "M7 M4",
            ("more went out of fee_expense than came in, by 9 fen",),
        ),
    )
