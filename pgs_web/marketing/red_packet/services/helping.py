"""A helper lets a packet grow by the next step of its ladder.

The ledger counts the help first: who has helped, whether there is a step left, and whether the envelope holds it are
one script, which refuses nearly everything in a rush without touching the packet's row. What it counted is written
under the row's lock, where mark, state and time are judged again: two say yes, or nothing happens.
"""

import structlog

from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import alias_of_id
from pgs_web.api.errors import Refusal, Unavailable
from pgs_web.marketing.red_packet.errors import CopyOutdated, EnvelopeEmpty, PacketFull, PacketOver
from pgs_web.marketing.red_packet.models import Packet, PacketHelp
from pgs_web.marketing.red_packet.scripts import HelpReply, TakenHelp, confirm_help, return_help, take_help
from pgs_web.marketing.red_packet.services.copies import repair_packet
from pgs_web.marketing.red_packet.services.door import lock_packet, require_running
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.plays.eligibility.errors import AlreadyHelped
from pgs_web.plays.eligibility.models import Help
from pgs_web.plays.eligibility.scripts import HelpCaps
from pgs_web.plays.eligibility.services import HelpWish, helping
from pgs_web.plays.helping import Helper
from pgs_web.plays.rounds import get_round, state_now
from pgs_web.plays.selectors import read_rules

_REFUSED: dict[HelpReply, type[Refusal]] = {
    HelpReply.REPEATED: AlreadyHelped,
    HelpReply.FULL: PacketFull,
    HelpReply.SHORT: EnvelopeEmpty,
}
TRIES = 2

log = structlog.get_logger(__name__)


def help_packet(*, helper: Helper, packet_id: int) -> PacketHelp:
    """Lets another member's packet grow by one step. All of it or nothing.

    Raises NotFound, PacketOver, PacketFull, EnvelopeEmpty, what the judge of helps (`helping`) raises, Unavailable.
    """
    for _try in range(TRIES):
        seen = get_round(Packet, round_id=packet_id)
        try:
            return _help(helper, seen)
        except CopyOutdated:
            # The ledger lost the packet or its last helps, or was counted anew while we were at it.
            repair_packet(campaign_id=seen.campaign_id, packet_id=packet_id)
    raise Unavailable


def _help(helper: Helper, seen: Packet) -> PacketHelp:
    if state_now(seen) != PacketState.RUNNING:
        # Spares turns; behind the lock it is decided.
        raise PacketOver
    if seen.help_count >= seen.steps:
        # Most of a rush ends here.
        raise PacketFull
    rules = read_rules(campaign_id=seen.campaign_id, version=seen.rules_version).rules
    wish = HelpWish(
        code=CODE,
        campaign_id=seen.campaign_id,
        round_id=seen.pk,
        initiator_id=seen.member_id,
        helper_id=helper.member_id,
        device=helper.device,
        network=helper.network,
        initiator_device=seen.initiator_device,
    )
    caps = HelpCaps(helper=rules["helps_a_helper"], device=rules["helps_a_device"], address=rules["helps_an_address"])
    with helping(wish, caps=caps, only_new=rules["only_new_helpers"]) as help_:
        taken = _take(help_, seen)
        try:
            written = _write(taken)
        except BaseException:
            # Nothing is committed in here, so that nothing else can have become of it.
            _give_back(taken)
            raise
    # Who dies before this, or fails to commit, leaves a help under way: mend_helps looks at the rows.
    _confirm(taken)
    return written


def _take(help_: Help, seen: Packet) -> TakenHelp:
    reply, taken = take_help(
        campaign_id=help_.campaign_id,
        packet_id=help_.round_id,
        helper_id=help_.helper_id,
        seen_helps=seen.help_count,
    )
    if reply in _REFUSED:
        raise _REFUSED[reply]
    if taken is None:
        raise CopyOutdated
    return taken


def _write(taken: TakenHelp) -> PacketHelp:
    alias = alias_of_id(taken.packet_id)
    # As many wait here as there were steps left; the ledger refused the others.
    packet, now = lock_packet(alias=alias, packet_id=taken.packet_id)
    require_running(packet, now=now)
    if packet.mark != taken.mark:
        raise CopyOutdated
    if packet.help_count >= packet.steps:
        raise PacketFull
    value_fen = packet.ladder()[packet.help_count + 1]
    written = PacketHelp(
        packet_id=packet.pk,
        helper_id=taken.helper_id,
        step=packet.help_count + 1,
        added_fen=value_fen - packet.value_fen,
        helped_at=now,
    )
    PacketHelp.objects.bulk_create([written])
    rows = Packet.objects.on_node(alias).filter(
        pk=packet.pk, state=PacketState.RUNNING, mark=taken.mark, help_count=packet.help_count, ends_at__gt=now
    )
    if rows.update(help_count=written.step, value_fen=value_fen) != 1:
        raise PacketOver
    return written


def _give_back(taken: TakenHelp) -> None:
    try:
        return_help(taken)
    except RedisUnavailable as error:
        # It stays under way, and reserved, until mend_helps finds no row of it.
        log.warning("red_packet_help_not_returned", packet=taken.packet_id, error=type(error).__name__)


def _confirm(taken: TakenHelp) -> None:
    try:
        confirm_help(taken)
    except RedisUnavailable as error:
        log.warning("red_packet_help_not_confirmed", packet=taken.packet_id, error=type(error).__name__)
