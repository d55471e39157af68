"""The ledger's copy of a packet: made from its row, and repaired when it isn't what the row says."""

from collections.abc import Sequence

from pgs_data.locks import LeaseLost, LockHeld
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.scripts import PacketCopy, read_mark, reload_packet
from pgs_web.marketing.red_packet.services.door import lock_packet, new_mark
from pgs_web.marketing.red_packet.services.envelopes import ensure_envelope
from pgs_web.marketing.red_packet.states import PacketState
from pgs_web.plays.eligibility.models import Help

# Of one initiator in one campaign: packets × steps of the rules' bounds would be more than anybody has friends.
MOST_HELPERS = 50_000


def copy_of(packet: Packet, *, mark: str) -> PacketCopy:
    """What the ledger has to know of the packet as its row is, under this mark."""
    helps = Help.objects.on_node(alias_of_id(packet.pk))
    ours = helps.filter(campaign_id=packet.campaign_id, initiator_id=packet.member_id)
    return PacketCopy(
        campaign_id=packet.campaign_id,
        packet_id=packet.pk,
        mark=mark,
        helps=packet.help_count,
        base_fen=packet.base_fen,
        ladder=packet.ladder(),
        helper_ids=list(ours.values_list("helper_id", flat=True)[:MOST_HELPERS]),
    )


def require_envelope(campaign_id: int) -> None:
    """Opens the campaign's envelope unless it is there; raises Unavailable while somebody else does, and outages."""
    try:
        ensure_envelope(campaign_id)
    except (LockHeld, LeaseLost, CopyOutdated) as error:
        raise Unavailable from error


def repair_packet(*, campaign_id: int, packet_id: int, doubted: Sequence[int] = ()) -> None:
    """Makes the ledger's copy what the row says, if it isn't; always for `doubted` helpers, whose helps are forgotten.

    A new mark voids what was counted by the old copy and isn't written yet. Raises Unavailable, and outages.
    """
    require_envelope(campaign_id)
    with node_transaction(packet_id) as alias:
        # Behind this lock nobody writes a help, so the row is the truth until the transaction ends.
        packet, _now = lock_packet(alias=alias, packet_id=packet_id)
        if packet.state != PacketState.RUNNING:
            return
        if not doubted and read_mark(campaign_id=campaign_id, packet_id=packet_id) == packet.mark:
            return
        mark = new_mark()
        Packet.objects.on_node(alias).filter(pk=packet_id).update(mark=mark)
        # Before the commit: a copy whose mark the row never gets is repaired by whoever meets it, none is trusted.
        if not reload_packet(copy_of(packet, mark=mark), doubted=doubted):
            raise Unavailable
