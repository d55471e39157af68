"""The door of a packet's state."""

import secrets
from datetime import datetime
from typing import Any

from pgs_data.clock import database_now
from pgs_web.marketing.red_packet.errors import PacketOver
from pgs_web.marketing.red_packet.models import Packet
from pgs_web.marketing.red_packet.states import CODE, ENDED, MOVES, PacketState
from pgs_web.plays.figures.names import STARTED, ending
from pgs_web.plays.figures.services import count_figures


def lock_packet(*, alias: str, packet_id: int) -> tuple[Packet, datetime]:
    """The packet's row, locked until the node transaction ends, and its node's time since then."""
    return Packet.objects.on_node(alias).select_for_update().get(pk=packet_id), database_now(alias)


def require_running(packet: Packet, *, now: datetime) -> None:
    """Raises PacketOver for a packet in which nothing happens any more."""
    if packet.state != PacketState.RUNNING or packet.ends_at <= now:
        raise PacketOver


def move_packet(*, alias: str, packet: Packet, to_state: PacketState, **changes: Any) -> None:
    """Moves a packet from state and mark in which it was read; raises PacketOver when somebody else was first.

    In a node transaction: it is counted there, too.
    """
    if to_state not in MOVES[PacketState(packet.state)]:
        raise ValueError(f"No red packet goes from {packet.state} to {to_state}.")
    if to_state in ENDED:
        changes["running_in"] = None
    rows = Packet.objects.on_node(alias).filter(pk=packet.pk, state=packet.state, mark=packet.mark)
    if rows.update(state=to_state, **changes) != 1:
        raise PacketOver
    amounts = {STARTED: 1} if to_state == PacketState.RUNNING else {ending(to_state): 1}
    count_figures(code=CODE, campaign_id=packet.campaign_id, shard_key=packet.pk, amounts=amounts)


def new_mark() -> str:
    """A name that no copy of a packet has had before."""
    return secrets.token_hex(8)
