"""The ledger's copy of a packet: made from its row, and repaired when it isn't what the row says."""

from collections.abc import Sequence

from pgs_data.locks import LeaseLost, LockHeld
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_web.api.errors import Unavailable
from pgs_web.marketing.red_packet.errors import CopyOutdated
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.scripts import PacketCopy, read_copy, reload_packet
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

    A new mark voids what was counted by the old copy and isn't written yet. Raises Unavailable, and outages. Dying in
    between leaves a copy that nobody trusts: who meets it is refused, and repairs it.
    """
    require_envelope(campaign_id)
    mark = new_mark()
    if _mark_anew(packet_id, mark=mark, is_doubted=bool(doubted)):
        _reload(packet_id, mark=mark, doubted=doubted)


def _mark_anew(packet_id: int, *, mark: str, is_doubted: bool) -> bool:
    """Whether the row now bears the mark, for good; not where it has ended, or the copy is what it says."""
    with node_transaction(packet_id) as alias:
        packet, _now = lock_packet(alias=alias, packet_id=packet_id)
        if packet.state != PacketState.RUNNING:
            return False
        copy = read_copy(campaign_id=packet.campaign_id, packet_id=packet_id)
        # More helps are those that are being written. Fewer: the ledger took a step back, and reserves too little.
        if copy is not None and copy[0] == packet.mark and copy[1] >= packet.help_count and not is_doubted:
            return False
        Packet.objects.on_node(alias).filter(pk=packet_id).update(mark=mark)
    return True


def _reload(packet_id: int, *, mark: str, doubted: Sequence[int]) -> None:
    # A transaction of its own: the script drops what helps under the old mark had reserved, which isn't safe before the
    # row is known to refuse them. Were this one's commit lost, nothing would be lost with it.
    with node_transaction(packet_id) as alias:
        # Behind this lock nobody writes a help, so the row is the truth until the transaction ends.
        packet, _now = lock_packet(alias=alias, packet_id=packet_id)
        if packet.state != PacketState.RUNNING or packet.mark != mark:
            # Somebody repairs it later than we do.
            return
        if not reload_packet(copy_of(packet, mark=mark), doubted=doubted):
            raise Unavailable
