"""C1 to C4: coupons, what they took off orders, and what campaigns may cost."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import Case, Count, Exists, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models import When as If
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.slots import node_aliases, slot_of_id, slot_of_key
from pgs_data.sharding.spans import Span, key_spans, pages_by_span
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.trade.coupon.models import Coupon, CouponCampaign, CouponUse
from pgs_web.trade.coupon.states import CouponState
from pgs_web.trade.order.models import Order, OrderLog
from pgs_web.trade.order.states import OrderState

CHUNK = 2000
# Its log tells whether it had left the house before: then it keeps its coupons, else it has given them back.
RETURNED = frozenset({OrderState.REFUNDING, OrderState.REFUNDED})
UNSENT = frozenset({OrderState.AWAITING_GROUP, OrderState.TO_SHIP})
# What has a discount has its coupons.
KEEPS = frozenset(
    {
        *(OrderState.UNPAID, OrderState.AWAITING_GROUP),
        *(OrderState.TO_SHIP, OrderState.SHIPPED, OrderState.COMPLETED),
    }
)


@make_check("C1", When.ALWAYS, _("a used coupon is on exactly one order of its member, any other on none"))
def used_by_one_order() -> Iterator[str]:
    for alias in node_aliases():
        # One statement sees one moment: coupon and use change together.
        uses = CouponUse.objects.on_node(alias).filter(coupon_id=OuterRef("id"), open_coupon_id=OuterRef("id"))
        orders = Order.objects.on_node(alias).filter(id=OuterRef("order_id"), member_id=OuterRef("member_id"))
        is_right = Exists(uses.filter(order_id=OuterRef("order_id"))) & Exists(orders)
        rows = Coupon.objects.on_node(alias)
        wrong = rows.filter(Q(~is_right, state=CouponState.USED) | Q(Exists(uses), ~Q(state=CouponState.USED)))
        for page in pages_by_span(wrong, size=CHUNK):
            for coupon in page:
                yield (
                    f"coupon {coupon.pk} on {alias} is {coupon.state}, by order {coupon.order_id}; its use says"
                    " otherwise"
                )
        lost = CouponUse.objects.on_node(alias).filter(
            ~Exists(rows.filter(id=OuterRef("coupon_id"))) | ~Q(open_coupon_id=F("coupon_id")),
            open_coupon_id__isnull=False,
        )
        for page in pages_by_span(lost, size=CHUNK):
            for use in page:
                yield f"order {use.order_id} on {alias} has coupon {use.coupon_id}, which doesn't exist or is another"
        for span in key_spans(rows):
            for coupon_id, member_id in rows.filter(span.of("id")).values_list("id", "member_id"):
                if slot_of_id(coupon_id) != slot_of_key(member_id):
                    yield f"coupon {coupon_id} on {alias} is outside the slot of its member {member_id}"


@make_check("C2", When.ALWAYS, _("an order's discount is what its coupons took off, none more than it is worth"))
def discount_is_of_coupons() -> Iterator[str]:
    for alias in node_aliases():
        for span in key_spans(Order.objects.on_node(alias)):
            yield from _otherwise_discounted(alias, span)
        # A promised price is worth what the order's own unit is dearer.
        unit_price = Order.objects.on_node(alias).filter(id=OuterRef("order_id")).values("unit_price_fen")
        uses = CouponUse.objects.on_node(alias).annotate(paid_fen=Subquery(unit_price) - F("discount_fen"))
        worth = Coupon.objects.on_node(alias).filter(
            Q(price_fen=None, amount_fen__gte=OuterRef("discount_fen")) | Q(price_fen__lte=OuterRef("paid_fen")),
            id=OuterRef("coupon_id"),
        )
        for page in pages_by_span(uses.filter(~Exists(worth)), size=CHUNK):
            for use in page:
                yield (
                    f"coupon {use.coupon_id} on {alias} took {use.discount_fen} fen off order {use.order_id}, it has"
                    " less"
                )


def _otherwise_discounted(alias: str, span: Span) -> Iterator[str]:
    uses = CouponUse.objects.on_node(alias).filter(span.of("order_id"), order_id=OuterRef("id"))
    sums = uses.values("order_id").annotate(fen=Sum("discount_fen")).order_by().values("fen")
    orders = Order.objects.on_node(alias).filter(span.of("id")).annotate(coupons_fen=Coalesce(Subquery(sums), Value(0)))
    for order in orders.exclude(discount_fen=F("coupons_fen")).order_by("id"):
        yield f"order {order.pk} on {alias} costs {order.discount_fen} fen less, its coupons {order.coupons_fen}"


@make_check("C3", When.ALWAYS, _("an order that stands keeps its coupons, one undone before it left gave them back"))
def coupons_follow_their_order() -> Iterator[str]:
    for alias in node_aliases():
        uses = CouponUse.objects.on_node(alias).filter(order_id=OuterRef("id"))
        open_uses, ended = uses.filter(open_coupon_id__isnull=False), uses.filter(open_coupon_id__isnull=True)
        moves = OrderLog.objects.on_node(alias).filter(order_id=OuterRef("id"), to_state=OrderState.REFUNDING)
        was_unsent = Exists(moves.filter(from_state__in=UNSENT))
        orders = Order.objects.on_node(alias).annotate(
            is_wrong=Case(
                If(state__in=KEEPS, then=Exists(ended)),
                If(Q(state=OrderState.CANCELLED) | Q(was_unsent, state__in=RETURNED), then=Exists(open_uses)),
                If(state__in=RETURNED, then=Exists(ended)),
                default=Value(False),
            )
        )
        for page in pages_by_span(orders.filter(is_wrong=True, discount_fen__gt=0), size=CHUNK):
            for order in page:
                yield f"order {order.pk} on {alias} is {order.state}, and its coupons aren't as that says"


@make_check("C4", When.ALWAYS, _("a campaign issues no more coupons than its number, and within its envelope"))
def campaigns_within_envelope() -> Iterator[str]:
    issued: Counter[str] = Counter()
    worth: Counter[str] = Counter()
    for alias in node_aliases():
        coupons = Coupon.objects.on_node(alias).filter(issuer__startswith="campaign:")
        for span in key_spans(coupons):
            rows = coupons.filter(span.of("id")).values_list("issuer")
            for issuer, count, fen in rows.annotate(count=Count("id"), fen=Sum("amount_fen")).order_by():
                issued[issuer] += count
                worth[issuer] += int(fen)
    # Read after the coupons, whose number only grows with the campaign's own permission.
    for campaign in CouponCampaign.objects.order_by("id").iterator(CHUNK):
        count, fen = issued.pop(campaign.issuer, 0), worth[campaign.issuer]
        if count > campaign.total_count or fen > campaign.envelope_fen:
            yield (
                f"campaign {campaign.pk} issued {count} coupons of {fen} fen together, allowed are"
                f" {campaign.total_count} and {campaign.envelope_fen} fen"
            )
    for issuer, count in issued.items():
        yield f"{count} coupons name {issuer}, which doesn't exist"


CHECKS = [used_by_one_order, discount_is_of_coupons, coupons_follow_their_order, campaigns_within_envelope]
