"""A packet's states and the moves between them."""

from enum import StrEnum

CODE = "red_packet"


class PacketState(StrEnum):
    OPENING = "OPENING"  # written down, its money isn't reserved yet; nobody sees it
    RUNNING = "RUNNING"  # helpers can let it grow
    REDEEMED = "REDEEMED"  # it became a coupon, for good
    EXPIRED = "EXPIRED"  # its time was over first
    ABANDONED = "ABANDONED"  # never opened: the campaign had nothing left, or the start died; the row goes


OPEN = (PacketState.OPENING, PacketState.RUNNING)
# Nobody sees those: they have never been open.
HIDDEN = (PacketState.OPENING, PacketState.ABANDONED)
ENDED = (PacketState.REDEEMED, PacketState.EXPIRED, PacketState.ABANDONED)
MOVES: dict[PacketState, frozenset[PacketState]] = {
    PacketState.OPENING: frozenset({PacketState.RUNNING, PacketState.ABANDONED}),
    PacketState.RUNNING: frozenset({PacketState.REDEEMED, PacketState.EXPIRED}),
    PacketState.REDEEMED: frozenset(),
    PacketState.EXPIRED: frozenset(),
    PacketState.ABANDONED: frozenset(),
}
