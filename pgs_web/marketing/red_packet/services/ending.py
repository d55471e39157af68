"""Packets end: redeemed for a coupon, or by the clock; then the envelope has back what they don't keep, once."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from pgs_data.clock import DatabaseNow
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import OUTAGES, Unavailable
from pgs_web.marketing.red_packet.errors import PacketOver
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.scripts import settle_packet
from pgs_web.marketing.red_packet.services.copies import require_envelope
from pgs_web.marketing.red_packet.services.door import lock_packet, move_packet, require_running
from pgs_web.marketing.red_packet.states import CODE, ENDED, PacketState
from pgs_web.plays.figures.names import ending
from pgs_web.plays.figures.services import count_figures
from pgs_web.plays.rounds import get_own_round, state_now, work_off
from pgs_web.trade.coupon.services import issue_coupon
from pgs_web.trade.coupon.terms import CouponTerms

PACKETS_A_RUN = 500
# A start takes far less; one that comes to itself later finds its row gone on, and gives up.
OPENING_LASTS = timedelta(seconds=60)


def redeem_packet(*, member_id: int, packet_id: int) -> int:
    """The member's packet becomes a coupon of what it is worth now, for good; returns the coupon's id.

    Raises NotFound, PacketOver, Unavailable. State and coupon are one transaction; the ledger hears of it behind it, or
    from the clock when this process dies first.
    """
    seen = get_own_round(Packet, member_id=member_id, round_id=packet_id)
    if state_now(seen) != PacketState.RUNNING:
        raise PacketOver
    with node_transaction(packet_id) as alias:
        packet, now = lock_packet(alias=alias, packet_id=packet_id)
        require_running(packet, now=now)
        terms = CouponTerms(
            title=packet.title,
            amount_fen=packet.value_fen,
            threshold_fen=packet.threshold_fen,
            product_id=packet.product_id,
            activity_id=packet.activity_id,
            stack_group=CODE,
            valid_from=now,
            expires_at=now + timedelta(seconds=packet.coupon_seconds),
        )
        try:
            coupon = issue_coupon(issuer=CODE, reference=str(packet.pk), member_id=packet.member_id, terms=terms)
        except IdSourceUnavailable as error:
            raise Unavailable from error
        move_packet(alias=alias, packet=packet, to_state=PacketState.REDEEMED, decided_at=now, coupon_id=coupon.pk)
    # It is redeemed: what can't be done now the clock does.
    with suppress(*OUTAGES):
        settle_packets(alias, [packet_id])
    return coupon.pk


def end_overdue_packets(*, limit: int = PACKETS_A_RUN) -> int:
    """Ends packets whose time is over by their node's clock, `limit` at a time; costs what is due. Returns how many.

    Nobody waits for it: nobody helps in a packet past its end. Every node is served before an outage is raised.
    """

    def end(alias: str) -> int:
        due = Packet.objects.on_node(alias).filter(state=PacketState.RUNNING, ends_at__lte=DatabaseNow())
        return end_packets(alias, list(due.order_by("ends_at").values_list("pk", flat=True)[:limit]))

    return work_off(end, page=limit)


def end_packets(alias: str, packet_ids: Sequence[int]) -> int:
    """Those of a node's packets that are running are EXPIRED, and counted; returns how many."""
    if not packet_ids:
        return 0
    with node_transaction(alias):
        rows = Packet.objects.on_node(alias).filter(pk__in=list(packet_ids), state=PacketState.RUNNING)
        # Locked in one order: of two runs at once the second finds none, and counts none.
        running = dict(rows.select_for_update().order_by("pk").values_list("pk", "campaign_id"))
        rows.filter(pk__in=list(running)).update(state=PacketState.EXPIRED, running_in=None, decided_at=DatabaseNow())
        for campaign_id, count in Counter(running.values()).items():
            amounts = {ending(PacketState.EXPIRED): count}
            count_figures(code=CODE, campaign_id=campaign_id, shard_key=next(iter(running)), amounts=amounts)
    return len(running)


def settle_ended_packets(*, limit: int = PACKETS_A_RUN) -> int:
    """Tells the ledger of packets that have ended, `limit` of a node at a time, and takes away starts that died.

    Costs what is due; returns how many. Every node is served before an outage is raised.
    """

    def settle(alias: str) -> int:
        rows = Packet.objects.on_node(alias)
        # `ends_at` is a minute at least behind the start: the index by state and end finds no more than there are.
        stuck = rows.filter(state=PacketState.OPENING, started_at__lte=DatabaseNow(after=-OPENING_LASTS))
        stuck.update(state=PacketState.ABANDONED, running_in=None, decided_at=DatabaseNow())
        ended = list(rows.filter(settled_at=None, state__in=ENDED).values_list("pk", "campaign_id")[:limit])
        settled = settle_packets(alias, [packet_id for packet_id, _campaign_id in ended])
        if settled < len(ended):
            # The ledger has lost an envelope that nobody else asks for: counted now, settled in the next run.
            for campaign_id in sorted({campaign_id for _packet_id, campaign_id in ended}):
                require_envelope(campaign_id)
        return settled

    return work_off(settle, page=limit)


def settle_packets(alias: str, packet_ids: Sequence[int]) -> int:
    """Gives the envelopes back what these packets, if they have ended, don't keep; repeatable. Returns how many.

    Those whose envelope the ledger has lost wait until it is counted: then they are settled by their rows or here, and
    the second makes no difference. Raises RedisUnavailable when that is done for which the ledger was there.
    """
    ended = Packet.objects.on_node(alias).filter(pk__in=list(packet_ids), state__in=ENDED, settled_at=None)
    settled: list[int] = []
    abandoned: list[int] = []
    # By campaign: all of one have the same server, and each call to one that is away may take until its timeout.
    outages: dict[int, Exception] = {}
    try:
        for packet in ended:
            if packet.campaign_id in outages:
                continue
            is_undone = packet.state == PacketState.ABANDONED
            try:
                is_settled = settle_packet(
                    campaign_id=packet.campaign_id,
                    packet_id=packet.pk,
                    kept_fen=packet.reserved_fen,
                    is_undone=is_undone,
                )
            except RedisUnavailable as error:
                outages[packet.campaign_id] = error
                continue
            if is_settled:
                (abandoned if is_undone else settled).append(packet.pk)
    finally:
        # Also when this run is broken off: the next one goes on behind it.
        if settled:
            Packet.objects.on_node(alias).filter(pk__in=settled, settled_at=None).update(settled_at=DatabaseNow())
        if abandoned:
            Packet.objects.on_node(alias).filter(pk__in=abandoned, state=PacketState.ABANDONED).delete()
    if outages:
        raise next(iter(outages.values()))
    return len(settled) + len(abandoned)
