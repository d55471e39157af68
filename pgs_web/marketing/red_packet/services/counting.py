"""What finance sees of a campaign's money, counted from the rows of all nodes."""

from datetime import timedelta

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Greatest

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_web.marketing.red_packet.models import Envelope, Packet
from pgs_web.marketing.red_packet.scripts import forget_campaign
from pgs_web.marketing.red_packet.states import PacketState
from pgs_web.plays.models import Campaign
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState

CAMPAIGNS_A_RUN = 20
# A campaign that gives money, one of which only the coupons' ends are still to come, and one of which those have come:
# only an order that gives its coupon back moves its figures.
AGAIN_AFTER = timedelta(seconds=60)
AGAIN_AFTER_CLOSED = timedelta(hours=6)
AGAIN_AFTER_ALL = timedelta(days=30)


def count_envelopes(*, limit: int = CAMPAIGNS_A_RUN) -> int:
    """Counts up to `limit` envelopes anew whose turn it is; costs their packets. Returns how many.

    The ledger forgets those that give nothing any more: rows would bring them back. Raises an outage when a node is
    away: figures without it would be wrong.
    """
    due = list(
        Envelope.objects.filter(due_at__lte=DatabaseNow()).order_by("due_at").values_list("pk", flat=True)[:limit]
    )
    closed = set(Campaign.objects.filter(pk__in=due, closed_at__isnull=False).values_list("pk", flat=True))
    for campaign_id in due:
        again_after = AGAIN_AFTER
        if campaign_id in closed and not _has_unsettled(campaign_id):
            forget_campaign(campaign_id)
            again_after = AGAIN_AFTER_CLOSED if _has_unused(campaign_id) else AGAIN_AFTER_ALL
        # Last: what moved before it is in it, and what moves later has it counted again soon.
        figures = count_money(campaign_id)
        Envelope.objects.filter(pk=campaign_id).update(
            **figures,
            left_fen=F("budget_fen") - figures["committed_fen"] - figures["redeemed_fen"],
            counted_at=DatabaseNow(),
            due_at=DatabaseNow(after=again_after),
        )
    return len(due)


def _has_unsettled(campaign_id: int) -> bool:
    return any(
        Packet.objects.on_node(alias).filter(campaign_id=campaign_id, settled_at=None).exists()
        for alias in node_aliases()
    )


def _has_unused(campaign_id: int) -> bool:
    return any(_coupons(alias, campaign_id).filter(state=CouponState.ISSUED).exists() for alias in node_aliases())


def _coupons(alias: str, campaign_id: int) -> QuerySet[Coupon]:
    redeemed = Packet.objects.on_node(alias).filter(campaign_id=campaign_id, state=PacketState.REDEEMED)
    return Coupon.objects.on_node(alias).filter(pk__in=redeemed.values("coupon_id"))


def count_money(campaign_id: int) -> dict[str, int]:
    """A campaign's figures by the columns of Envelope; fen, and numbers of packets."""
    figures = dict.fromkeys(("running", "committed_fen", "redeemed", "redeemed_fen", "expired", "expired_fen"), 0)
    figures |= {"coupons_used_fen": 0, "coupons_expired_fen": 0}
    for alias in node_aliases():
        for name, value in _on_node(alias, campaign_id).items():
            figures[name] += value
    return figures


def _on_node(alias: str, campaign_id: int) -> dict[str, int]:
    packets = Packet.objects.on_node(alias).filter(campaign_id=campaign_id)
    # One statement, so that a packet that moves meanwhile is counted in one state.
    sums = packets.values_list("state").annotate(
        count=Count("id"), fen=Sum("value_fen"), held=Sum(Greatest("base_fen", "value_fen"))
    )
    by_state = {state: (count, fen, held) for state, count, fen, held in sums.order_by()}
    running, redeemed, expired = (
        by_state.get(state, (0, 0, 0)) for state in (PacketState.RUNNING, PacketState.REDEEMED, PacketState.EXPIRED)
    )
    spent = dict(_coupons(alias, campaign_id).values_list("state").annotate(fen=Sum("amount_fen")).order_by())
    return {
        "running": running[0],
        # What runs reserves the larger of what it is worth and what was reserved from the start.
        "committed_fen": running[2],
        "redeemed": redeemed[0],
        "redeemed_fen": redeemed[1],
        "expired": expired[0],
        "expired_fen": expired[1],
        "coupons_used_fen": spent.get(CouponState.USED, 0),
        "coupons_expired_fen": spent.get(CouponState.EXPIRED, 0),
    }
