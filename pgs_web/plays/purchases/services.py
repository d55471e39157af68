"""Orders that were bought with a game's coupons, counted as figures: once when paid, and back when refunded."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.relay import Message
from pgs_data.sharding.slots import ids_by_node
from pgs_data.sharding.transactions import node_transaction
from pgs_web.plays.figures.names import COST, NEW_MEMBERS, RETURNED
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.purchases.models import PaidOrder, Purchase
from pgs_web.trade.coupon.models import Coupon, CouponUse
from pgs_web.trade.order.newness import claim_first_payments

# (node, what the game's coupons were issued for) → campaign of each; the rows are on that node. What it leaves out
# isn't counted: coupons that the game gave for something else.
CampaignsOf = Callable[[str, Collection[str]], Mapping[str, int]]


def count_purchases(
    messages: Sequence[Message], *, code: str, campaigns_of: CampaignsOf, kept: type[PaidOrder] = Purchase
) -> None:
    """Call it in a game's on_order_paid: counts orders paid with coupons that the game issued (`issuer` is its code).

    `kept`: RewardPurchase where `campaigns_of` knows rewards of helpers.

    One query a node for a batch in which the game has none. Repeatable: who tells it twice counts once; of two at once
    the primary key refuses one, whose batch comes again.
    """
    members = {message.payload["order_id"]: message.payload["member_id"] for message in messages}
    for alias, order_ids in ids_by_node(members).items():
        of_node = {order_id: members[order_id] for order_id in order_ids}
        _count_on_node(alias, of_node, code=code, campaigns_of=campaigns_of, kept=kept)


def return_purchases(
    messages: Sequence[Message], *, code: str, campaigns_of: CampaignsOf, kept: type[PaidOrder] = Purchase
) -> None:
    """Call it in a game's on_order_refunded: what was counted for these orders is taken back, once.

    An order whose payment is told later than its refund is counted here first, so that it isn't counted afterwards.
    """
    count_purchases(messages, code=code, campaigns_of=campaigns_of, kept=kept)
    for alias, order_ids in ids_by_node(message.payload["order_id"] for message in messages).items():
        _return_on_node(alias, order_ids, code=code, kept=kept)


def _count_on_node(
    alias: str, members: Mapping[int, int], *, code: str, campaigns_of: CampaignsOf, kept: type[PaidOrder]
) -> None:
    uses = list(CouponUse.objects.on_node(alias).filter(order_id__in=list(members)))
    if not uses:
        return
    coupons = Coupon.objects.on_node(alias).filter(pk__in=[use.coupon_id for use in uses], issuer=code)
    references = dict(coupons.values_list("pk", "issue_reference"))
    campaigns = campaigns_of(alias, sorted(set(references.values()))) if references else {}
    costs: Counter[int] = Counter()
    bought_in: dict[int, int] = {}
    for use in uses:
        campaign_id = campaigns.get(references.get(use.coupon_id, ""))
        if campaign_id is not None:
            costs[use.order_id] += use.discount_fen
            # With coupons of two campaigns it counts for one of them.
            bought_in[use.order_id] = campaign_id
    known = kept.objects.on_node(alias).filter(pk__in=list(costs)).values_list("pk", flat=True)
    fresh = sorted(set(costs) - set(known))
    if not fresh:
        return
    firsts = claim_first_payments({order_id: members[order_id] for order_id in fresh})
    purchases = [
        kept(
            order_id=order_id,
            code=code,
            campaign_id=bought_in[order_id],
            cost_fen=costs[order_id],
            is_new_member=order_id in firsts,
            counted_at=DatabaseNow(),
        )
        for order_id in fresh
    ]
    with node_transaction(alias):
        kept.objects.bulk_create(purchases)
        _count(purchases, sign=1)


def _return_on_node(alias: str, order_ids: Sequence[int], *, code: str, kept: type[PaidOrder]) -> None:
    with node_transaction(alias):
        rows = kept.objects.on_node(alias).filter(pk__in=order_ids, code=code, returned_at=None)
        # Locked: of two at once the second finds none.
        purchases = list(rows.select_for_update().order_by("pk"))
        if purchases:
            rows.filter(pk__in=[purchase.pk for purchase in purchases]).update(returned_at=DatabaseNow())
            _count(purchases, sign=-1)


def _count(purchases: Sequence[PaidOrder], *, sign: int) -> None:
    """Of one node, in its open transaction."""
    by_campaign: defaultdict[tuple[str, int], list[PaidOrder]] = defaultdict(list)
    for purchase in purchases:
        by_campaign[purchase.code, purchase.campaign_id].append(purchase)
    for (code, campaign_id), bought in by_campaign.items():
        count_figures(
            code=code,
            campaign_id=campaign_id,
            shard_key=bought[0].order_id,
            amounts={
                bought[0].figure: sign * len(bought),
                RETURNED: len(bought) if sign < 0 and bought[0].counts_returns else 0,
                COST: sign * sum(purchase.cost_fen for purchase in bought),
                NEW_MEMBERS: sign * sum(purchase.is_new_member for purchase in bought),
            },
        )
