"""C1 to C4 can fail, each for its own damage, and say what an engineer has to know."""

import pytest

from pgs_data.sharding.slots import alias_of_id
from pgs_task.reconciliation.tests.damaging import Damage, assert_seen, write, write_beside, write_order
from pgs_web.trade.coupon.models import CouponUse
from pgs_web.trade.coupon.services import issue_coupons
from pgs_web.trade.coupon.tests.making import issue, make_campaign, make_terms
from pgs_web.trade.order.services import use_coupons

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]


def test_coupons_and_orders_that_contradict_each_other(shop):
    order = shop.order("unpaid")
    coupon = issue(member_id=order.member_id)
    use_coupons(member_id=order.member_id, order_id=order.pk, coupon_ids=[coupon.pk])
    home = alias_of_id(order.pk)
    cancelled = shop.order("cancelled")
    back = issue(member_id=cancelled.member_id)
    CouponUse.objects.create(order_id=cancelled.pk, coupon_id=back.pk, discount_fen=1, used_at=cancelled.accepted_at)
    write_order(shop, "cancelled", "discount_fen = 1, amount_fen = amount_fen - 1")

    def change(changes: str, *values: object) -> None:
        write(home, f"UPDATE trade_coupon SET {changes} WHERE id = %s", *values, coupon.pk)

    assert_seen(
        Damage("free again, and used", lambda: change("state = 'ISSUED', order_id = NULL"), "C1", (coupon.pk, home)),
        Damage("on another order", lambda: change("order_id = %s", cancelled.pk), "C1", (coupon.pk, cancelled.pk)),
        Damage("another member's", lambda: change("member_id = member_id + 1"), "C1", (coupon.pk,)),
        Damage(
            "nobody's use",
            lambda: write_beside(shop, "trade_coupon_use", "unpaid", "coupon_id = %s, open_coupon_id = %s", 5, 5),
            "C1 C2",
            (coupon.pk,),
        ),
        Damage(
            "cheaper for nothing",
            lambda: write_order(shop, "unpaid", "discount_fen = discount_fen + 1, amount_fen = amount_fen - 1"),
            "C2",
            (order.pk, 101, 100),
        ),
        Damage("worth less than it took", lambda: change("amount_fen = 99"), "C2", (coupon.pk, 100)),
        Damage(
            "given back and used",
            lambda: (
                change("state = 'ISSUED', order_id = NULL"),
                write_beside(shop, "trade_coupon_use", "unpaid", "open_coupon_id = NULL"),
            ),
            "C3",
            (order.pk, "UNPAID"),
        ),
        Damage(
            "cancelled and kept",
            lambda: write_beside(shop, "trade_coupon_use", "cancelled", "open_coupon_id = coupon_id"),
            "C1 C3",
            (back.pk, "ISSUED"),
        ),
    )


def test_a_campaign_beyond_its_envelope(shop):
    campaign = make_campaign(total_count=2)
    issue_coupons(issuer=campaign.issuer, references={1: "x", 251: "x"}, terms=make_terms())

    assert_seen(
        Damage(
            "one too many",
            lambda: write("default", "UPDATE trade_coupon_campaign SET total_count = 1 WHERE id = %s", campaign.pk),
            "C4",
            (campaign.pk, "2 coupons"),
        ),
        Damage(
            "worth more",
            lambda: write(
                alias_of_id(1 << 57), "UPDATE trade_coupon SET amount_fen = 150 WHERE issuer = %s", campaign.issuer
            ),
            "C4",
            (campaign.pk,),
        ),
        Damage(
            "of nowhere",
            lambda: write("default", "DELETE FROM trade_coupon_campaign WHERE id = %s", campaign.pk),
            "C4",
            ("2 coupons name",),
        ),
    )
