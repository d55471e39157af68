"""M1 to M5 can fail, each for its own damage, and say what an engineer has to know."""

import pytest

from pgs_data.sharding.slots import alias_of_id
from pgs_task.payment.models import Payment, Refund
from pgs_task.reconciliation.tests.damaging import Damage, assert_seen, delete_beside, write, write_beside

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_books_beside_orders(shop):
    shipped, refunded = shop.orders["shipped"], shop.orders["refunded"]
    assert_seen(
        Damage(
            "more was taken than it costs",
            lambda: write_beside(shop, "pay_payment", "shipped", "amount_fen = amount_fen + 1"),
            "M1 M4 M5 M6 M8",
            (shipped, alias_of_id(shipped), "worth 1500 fen, we hold 1501"),
        ),
        Damage(
            "nobody gave the money back",
            lambda: delete_beside(shop, "pay_refund", "refunded"),
            "M1 M4 M6 M8",
            (refunded, "REFUNDED and worth 0 fen, we hold 1500"),
        ),
        Damage(
            "the money was given back and the order ships",
            lambda: write_beside(shop, "pay_refund", "refunded", "order_id = %s", shop.orders["full_joiner"]),
            "M1",
            (shop.orders["full_joiner"], "worth 1000 fen, we hold -500: 1000 taken, 1500 given back", refunded),
        ),
        Damage(
            "more was given back than was taken",
            lambda: write_beside(shop, "pay_refund", "refunded", "amount_fen = amount_fen + 1"),
            "M2 M1 M4 M6 M8",
            ("refunds of 1501 fen, paid were 1500", alias_of_id(refunded)),
        ),
        Damage(
            "no payment",
            lambda: delete_beside(shop, "pay_payment", "shipped"),
            "M5 M1 M4 M6 M8",
            (shipped, "SHIPPED", "no payment of 1500 fen CNY"),
        ),
        Damage(
            "another currency",
            lambda: write_beside(shop, "pay_payment", "shipped", "currency = 'USD'"),
            "M5",
            (shipped, "CNY"),
        ),
        Damage(
            "it failed",
            lambda: write_beside(shop, "pay_payment", "shipped", "state = 'FAILED'"),
            "M5 M1 M4 M6 M8",
            (shipped,),
        ),
    )


def test_numbers_and_statements(shop):
    first, second = (
        Payment.objects.on_node(alias_of_id(shop.orders[name])).get(order_id=shop.orders[name])
        for name in ("shipped", "completed")
    )
    refund, other = (
        Refund.objects.on_node(alias_of_id(shop.orders[name])).get(order_id=shop.orders[name])
        for name in ("refunded", "failed_leader")
    )
    assert alias_of_id(first.pk) != alias_of_id(second.pk), "one node's index would refuse it"
    assert alias_of_id(refund.payment_id) != alias_of_id(other.payment_id)

    def at_gateway(table: str, changes: str, payment_id: int) -> None:
        write("default", f"UPDATE {table} SET {changes} WHERE payment_id = %s", payment_id)

    assert_seen(
        Damage(
            "one trade pays two orders",
            lambda: write_beside(shop, "pay_payment", "shipped", "trade_no = %s", second.trade_no),
            "M3 M4",
            (second.trade_no, "2 times"),
        ),
        Damage(
            "one refund counts twice",
            lambda: write_beside(shop, "pay_refund", "refunded", "gateway_refund_no = %s", other.gateway_refund_no),
            "M3",
            (other.gateway_refund_no, "2 times"),
        ),
        Damage(
            "the gateway has another amount",
            lambda: at_gateway("sandbox_trade", "amount_fen = amount_fen + 1", first.pk),
            "M4",
            (first.pk, "ours 1500, theirs 1501"),
        ),
        Damage(
            "the gateway knows nothing of it",
            lambda: write("default", "DELETE FROM sandbox_trade WHERE payment_id = %s", first.pk),
            "M4",
            (first.pk, "missing_there"),
        ),
        Damage(
            "the gateway gave back what we didn't",
            lambda: at_gateway("sandbox_refund", "amount_fen = 7", refund.payment_id),
            "M4",
            (refund.payment_id, "theirs 7"),
        ),
    )
