"""Reads of packets, for who opened them, for who is asked to help, and for who wants a proof."""

from collections.abc import Collection, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.slots import alias_of_id
from pgs_web.marketing.red_packet.ladders import ALGORITHM
from pgs_web.marketing.red_packet.models import Envelope, Packet, PacketHelp
from pgs_web.marketing.red_packet.states import PacketState
from pgs_web.plays.helping import tell_helpers
from pgs_web.plays.rounds import state_now
from pgs_web.plays.telling import Figure, Unit


def next_rise(packet: Packet) -> int | None:
    """In how many helps it is worth more; None when it is as large as it can be."""
    ladder = packet.ladder()
    rises = (place for place in range(packet.help_count, len(ladder)) if ladder[place] > packet.value_fen)
    place = next(rises, None)
    return None if place is None else place - packet.help_count


def describe_helps(packet: Packet) -> list[dict[str, Any]]:
    """Who helped, masked, in their order; as many as there are steps at most."""
    rows = PacketHelp.objects.on_node(alias_of_id(packet.pk)).filter(packet_id=packet.pk).order_by("step")
    return tell_helpers(rows.values("helper_id", "step", "added_fen", "helped_at")[: packet.steps])


def describe_proof(packet: Packet) -> dict[str, Any]:
    """What anybody needs in order to verify the steps; seed and ladder once nobody can help any more."""
    is_told = state_now(packet) != PacketState.RUNNING
    return {
        "algorithm": ALGORITHM,
        "commitment": packet.commitment,
        "face_fen": packet.face_fen,
        "cap_fen": packet.cap_fen,
        "rungs": packet.rungs,
        "most_helps": packet.most_helps,
        "least_fen": packet.least_fen,
        "most_fen": packet.most_fen,
        "seed": packet.seed if is_told else None,
        "ladder": packet.ladder() if is_told else None,
        "helps": describe_helps(packet),
    }


def campaigns_of_packets(alias: str, references: Collection[str]) -> dict[str, int]:
    """Campaign of each packet on a node, both as its coupon names them."""
    ids = [int(reference) for reference in references if reference.isdecimal()]
    rows = Packet.objects.on_node(alias).filter(pk__in=ids).values_list("pk", "campaign_id")
    return {str(pk): campaign_id for pk, campaign_id in rows}


def read_envelopes(campaign_ids: Sequence[int]) -> dict[int, list[Figure]]:
    """What became of each campaign's money, as it was counted last; one query."""
    return {
        envelope.pk: [
            Figure(
                title=_("committed and redeemed (of the budget)"),
                value=envelope.committed_fen + envelope.redeemed_fen,
                unit=Unit.FEN,
                of=envelope.budget_fen,
            ),
            Figure(title=_("committed"), value=envelope.committed_fen, unit=Unit.FEN),
            Figure(title=_("redeemed for"), value=envelope.redeemed_fen, unit=Unit.FEN),
            Figure(title=_("expired, and free again"), value=envelope.expired_fen, unit=Unit.FEN),
            Figure(title=_("coupons expired unused"), value=envelope.coupons_expired_fen, unit=Unit.FEN),
        ]
        for envelope in Envelope.objects.filter(pk__in=list(campaign_ids))
    }
