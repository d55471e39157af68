"""What must hold of red packets and their envelopes; part of `manage.py check_invariants`."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Max, Sum

from pgs_data.clock import DatabaseNow
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import pages_by_span
from pgs_web.marketing.red_packet.ladders import commit_seed
from pgs_web.marketing.red_packet.models import Envelope, Packet, PacketHelp
from pgs_web.marketing.red_packet.scripts import count_under_way, read_envelope, read_reserved
from pgs_web.marketing.red_packet.services.counting import count_money
from pgs_web.marketing.red_packet.states import CODE, ENDED, PacketState
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.forgetting import find_forgotten
from pgs_web.trade.coupon.models import Coupon

PAGE = 500
# Longer than a run of the jobs that end and settle them is put off.
GRACE = timedelta(seconds=60)
STUCK = timedelta(seconds=150)
COUNTED = (PacketState.RUNNING, PacketState.REDEEMED, PacketState.EXPIRED)


def find_wrong_growth() -> Iterator[str]:
    """Packets that aren't worth what their helps and the ladder that was committed at their start say."""
    for alias in node_aliases():
        for page in _pages(alias):
            helps, judged = _helps(alias, page), _judged(alias, page)
            forgotten = find_forgotten({packet.campaign_id for packet in page})
            for packet in page:
                count, last, added_fen = helps.get(packet.pk, (0, 0, 0))
                ladder = packet.ladder()
                told = {count, last} if packet.campaign_id in forgotten else {count, last, judged.get(packet.pk, 0)}
                if commit_seed(packet.seed) != packet.commitment:
                    yield f"packet {packet.pk}: its seed is not the one that was committed"
                elif told != {packet.help_count}:
                    yield f"packet {packet.pk}: {count} helps up to {last}, it says {packet.help_count}"
                elif packet.face_fen + added_fen != packet.value_fen:
                    yield f"packet {packet.pk}: its helps added {added_fen} fen, it is worth {packet.value_fen}"
                elif count >= len(ladder) or ladder[count] != packet.value_fen:
                    yield f"packet {packet.pk}: worth {packet.value_fen} fen after {count} helps, its ladder differs"


def find_wrong_coupons() -> Iterator[str]:
    """Packets that became a coupon and have none or another one, or have one and didn't."""
    for alias in node_aliases():
        for page in _pages(alias):
            rows = Coupon.objects.on_node(alias).filter(
                issuer=CODE,
                member_id__in={packet.member_id for packet in page},
                issue_reference__in=[str(packet.pk) for packet in page],
            )
            coupons = {coupon.issue_reference: (coupon.pk, coupon.amount_fen, coupon.member_id) for coupon in rows}
            for packet in page:
                said = coupons.get(str(packet.pk))
                expected = (packet.coupon_id, packet.value_fen, packet.member_id)
                if said != (expected if packet.state == PacketState.REDEEMED else None):
                    yield f"packet {packet.pk}: it is {packet.state}, its coupon is {said}"


def find_exceeded_envelopes() -> Iterator[str]:
    """Campaigns whose packets may cost more than their envelope, by the rows and by the ledger."""
    for envelope in Envelope.objects.order_by("pk").iterator(PAGE):
        spent_fen = _spent_fen(envelope.pk)
        # Nodes are read one after the other: what expired here and was given there meanwhile would count twice.
        if spent_fen > envelope.budget_fen and (spent_fen := _spent_fen(envelope.pk)) > envelope.budget_fen:
            yield f"campaign {envelope.pk}: its packets may cost {spent_fen} of {envelope.budget_fen} fen"
        known = read_envelope(envelope.pk)
        if known is not None and not 0 <= known.spent_fen <= known.budget_fen:
            yield f"campaign {envelope.pk}: the ledger has given {known.spent_fen} of {known.budget_fen} fen"


def find_wrong_envelopes() -> Iterator[str]:
    """Campaigns of which the ledger has given something else than their packets have; nothing may be under way."""
    for envelope in Envelope.objects.order_by("pk").iterator(PAGE):
        known = read_envelope(envelope.pk)
        if known is None:
            # It is counted from the rows before anything is given again.
            continue
        if under_way := count_under_way(envelope.pk):
            yield f"campaign {envelope.pk}: {under_way} helps are under way"
        spent_fen = packets = 0
        for alias in node_aliases():
            for page in _pages(alias, campaign_id=envelope.pk):
                reserved = read_reserved(campaign_id=envelope.pk, packet_ids=[packet.pk for packet in page])
                for packet, fen in zip(page, reserved, strict=True):
                    if (fen or 0) != packet.reserved_fen:
                        yield f"packet {packet.pk}: {fen} fen are reserved, its row says {packet.reserved_fen}"
                spent_fen += sum(packet.reserved_fen for packet in page)
                packets += sum(packet.state in COUNTED for packet in page)
        said = (known.budget_fen, known.spent_fen, known.packets)
        if said != (envelope.budget_fen, spent_fen, packets):
            yield f"campaign {envelope.pk}: the ledger says {said}, its rows {spent_fen} fen of {packets} packets"


def find_overdue_packets() -> Iterator[str]:
    """Packets that run past their end, or whose money isn't settled, or whose start never came to anything."""
    for alias in node_aliases():
        rows = Packet.objects.on_node(alias)
        late = rows.filter(state=PacketState.RUNNING, ends_at__lte=DatabaseNow(after=-GRACE))
        for page in pages_by_span(late.only("pk"), size=PAGE):
            for packet in page:
                yield f"packet {packet.pk}: runs past its end"
        owing = rows.filter(settled_at=None, state__in=ENDED, decided_at__lte=DatabaseNow(after=-GRACE))
        for page in pages_by_span(owing.only("pk"), size=PAGE):
            for packet in page:
                yield f"packet {packet.pk}: has ended, and its envelope doesn't know"
        stuck = rows.filter(state=PacketState.OPENING, started_at__lte=DatabaseNow(after=-STUCK))
        for page in pages_by_span(stuck.only("pk"), size=PAGE):
            for packet in page:
                yield f"packet {packet.pk}: its start came to nothing, and its row is there"


def _spent_fen(campaign_id: int) -> int:
    figures = count_money(campaign_id)
    return figures["committed_fen"] + figures["redeemed_fen"]


def _pages(alias: str, *, campaign_id: int | None = None) -> Iterator[list[Packet]]:
    last_id = 0
    rows = Packet.objects.on_node(alias).order_by("pk")
    if campaign_id is not None:
        rows = rows.filter(campaign_id=campaign_id)
    while page := list(rows.filter(pk__gt=last_id)[:PAGE]):
        last_id = page[-1].pk
        yield page


def _helps(alias: str, page: list[Packet]) -> dict[int, tuple[int, int, int]]:
    rows = PacketHelp.objects.on_node(alias).filter(packet_id__in=[packet.pk for packet in page])
    sums = rows.values_list("packet_id").annotate(count=Count("id"), last=Max("step"), fen=Sum("added_fen")).order_by()
    return {packet_id: (count, last, fen) for packet_id, count, last, fen in sums}


def _judged(alias: str, page: list[Packet]) -> dict[int, int]:
    rows = Help.objects.on_node(alias).filter(round_id__in=[packet.pk for packet in page]).values_list("round_id")
    return dict(rows.annotate(count=Count("id")).order_by())
