"""C1 to C4 can fail, each for its own damage, and say what an engineer has to know."""

from collections.abc import Callable

import pytest

from pgs_data.sharding.slots import alias_of_id
from pgs_task.reconciliation.checks.coupons import CHECKS
from pgs_task.reconciliation.runner import judge
from pgs_task.reconciliation.tests.damaging import taken_back, write
from pgs_web.trade.coupon.services import issue_coupons
from pgs_web.trade.coupon.tests.making import issue, make_campaign, make_terms, promise
from pgs_web.trade.order.services import cancel_own_order, mark_paid, start_refund, use_coupons
from pgs_web.trade.order.states import RefundReason
from pgs_web.trade.order.tests.making import make_order

pytestmark = pytest.mark.django_db(databases="__all__")


def offenders() -> dict[str, str]:
    verdicts = [judge(check) for check in CHECKS]
    return {verdict.check.id: " | ".join(verdict.offenders) for verdict in verdicts if not verdict.is_ok}


def assert_seen(act: Callable[[], object], ids: str, *words: object) -> None:
    """The damage is seen by these checks and no others, and the first of them says these words."""
    assert offenders() == {}
    with taken_back():
        act()
        found = offenders()
    assert set(found) == set(ids.split()), found
    missing = [word for word in words if str(word) not in found[ids.split()[0]]]
    assert not missing, found


def test_coupons_and_orders_that_contradict_each_other():
    order, coupon = make_order(), issue()
    cancelled, back = make_order(), issue()
    returned, given_back = make_order(), issue()
    for used, by in ((coupon, order), (back, cancelled), (given_back, returned)):
        use_coupons(member_id=10, order_id=by.pk, coupon_ids=[used.pk])
    cancel_own_order(member_id=10, order_id=cancelled.pk)
    mark_paid(order_id=returned.pk, paid_at=returned.accepted_at)
    start_refund(order_id=returned.pk, reason=RefundReason.BY_OPERATOR, actor="test")
    home = alias_of_id(order.pk)

    def change(changes: str, *values: object) -> None:
        write(home, f"UPDATE trade_coupon SET {changes} WHERE id = %s", *values, coupon.pk)

    def change_use(changes: str, order_id: int = order.pk) -> None:
        write(home, f"UPDATE trade_coupon_use SET {changes} WHERE order_id = %s", order_id)

    def change_order(changes: str) -> None:
        write(home, f"UPDATE trade_order SET {changes} WHERE id = %s", order.pk)

    def forget() -> None:
        change("state = 'ISSUED', order_id = NULL")
        change_use("open_coupon_id = NULL")

    assert_seen(lambda: change("state = 'ISSUED', order_id = NULL"), "C1", coupon.pk, home)
    assert_seen(lambda: change("order_id = %s", cancelled.pk), "C1", coupon.pk, cancelled.pk)
    assert_seen(lambda: change("member_id = member_id + 1"), "C1", coupon.pk)
    assert_seen(lambda: change_use("coupon_id = 5, open_coupon_id = 5"), "C1 C2", coupon.pk, "doesn't exist")
    assert_seen(lambda: change_order("discount_fen = discount_fen + 1"), "C2", order.pk, 101, 100)
    assert_seen(lambda: change("amount_fen = 99"), "C2", coupon.pk, 100)
    assert_seen(forget, "C3", order.pk, "UNPAID")
    assert_seen(lambda: change_use("open_coupon_id = coupon_id", cancelled.pk), "C1 C3", back.pk, "ISSUED")
    assert_seen(lambda: change_use("open_coupon_id = coupon_id", returned.pk), "C1 C3", given_back.pk, "ISSUED")

    def refund_what_had_left() -> None:
        change_order("state = 'REFUNDED'")

    def forget_what_had_left() -> None:
        refund_what_had_left()
        forget()

    with taken_back():
        refund_what_had_left()
        assert offenders() == {}
    assert_seen(forget_what_had_left, "C3", order.pk, "REFUNDED")


def test_a_promised_price_that_took_off_more_than_the_unit_is_dearer():
    order = make_order(unit_price_fen=5000)
    # Worth more than it was when it was promised: the activity's price was raised.
    coupon = promise(activity_id=order.activity_id, price_fen=1000, amount_fen=100)
    use_coupons(member_id=10, order_id=order.pk, coupon_ids=[coupon.pk])

    def damage() -> None:
        write(alias_of_id(order.pk), "UPDATE trade_coupon SET price_fen = 1001 WHERE id = %s", coupon.pk)

    assert_seen(damage, "C2", coupon.pk, 4000)


def test_a_campaign_beyond_its_envelope():
    campaign = make_campaign(total_count=2)
    issue_coupons(issuer=campaign.issuer, references={1: "x", 251: "x"}, terms=make_terms())

    def change(changes: str) -> None:
        write("default", f"UPDATE trade_coupon_campaign SET {changes} WHERE id = %s", campaign.pk)

    def grow() -> None:
        write("node0", "UPDATE trade_coupon SET amount_fen = 150 WHERE issuer = %s", campaign.issuer)

    assert_seen(lambda: change("total_count = 1"), "C4", campaign.pk, "2 coupons")
    assert_seen(grow, "C4", campaign.pk, "250 fen")
    assert_seen(lambda: change("id = id + 1"), "C4", "2 coupons name", campaign.issuer)
