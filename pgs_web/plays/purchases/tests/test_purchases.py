"""What was bought with a game's coupons is counted once, and taken back once, however messages come."""

from collections import Counter
from types import SimpleNamespace

import pytest

from pgs_data.clock import database_now
from pgs_data.sharding.slots import alias_of_id
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.figures.services import fold_figures
from pgs_web.plays.purchases.models import Purchase
from pgs_web.plays.purchases.services import count_purchases, return_purchases
from pgs_web.trade.coupon.services import issue_coupon
from pgs_web.trade.coupon.tests.making import make_terms
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import use_coupons
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
CAMPAIGN = 5


def campaigns_of(alias, references):
    # Coupons for something else than a round are left out.
    return {reference: CAMPAIGN for reference in references if reference.isdigit()}


def buy(*, member_id: int = 10, issuer: str = "cards", reference: str = "1", is_paid: bool = True) -> Order:
    """An order with ¥1 off."""
    coupon = issue_coupon(issuer=issuer, reference=reference, member_id=member_id, terms=make_terms())
    order = make_order(member_id=member_id)
    use_coupons(member_id=member_id, order_id=order.pk, coupon_ids=[coupon.pk])
    if is_paid:
        Order.objects.filter(pk=order.pk).update(paid_at=database_now(alias_of_id(order.pk)))
    return order


def told(*orders: Order):
    return [SimpleNamespace(payload={"order_id": order.pk, "member_id": order.member_id}) for order in orders]


def paid(*orders: Order) -> None:
    count_purchases(told(*orders), code="cards", campaigns_of=campaigns_of)


def refunded(*orders: Order) -> None:
    return_purchases(told(*orders), code="cards", campaigns_of=campaigns_of)


def figures() -> Counter[str]:
    fold_figures()
    # Without what is 0 by now.
    return +read_counted(code="cards", campaign_ids=[CAMPAIGN]).of(CAMPAIGN)


def test_orders_are_counted_once_and_taken_back_once():
    orders = [buy(), buy(member_id=501), buy(reference="2")]
    paid(*orders[:2])
    paid(*orders)
    assert figures() == Counter(bought=3, cost_fen=300, new_members=2)
    refunded(orders[0])
    refunded(*orders[:1], orders[0])
    assert figures() == Counter(bought=2, cost_fen=200, new_members=1, returned=1)
    # Told once more, later.
    paid(*orders)
    assert figures()["bought"] == 2


def test_a_refund_that_is_told_before_the_payment_counts_nothing():
    order = buy()
    refunded(order)
    paid(order)
    assert figures() == Counter(returned=1)
    assert Purchase.objects.get(pk=order.pk).returned_at is not None


def test_other_orders_are_none_of_its_business():
    paid(make_order(), buy(issuer="dice"), buy(reference="reward"))
    assert (figures(), Purchase.objects.on_node(alias_of_id(buy().pk)).count()) == (Counter(), 0)
