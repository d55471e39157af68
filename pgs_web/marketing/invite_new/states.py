"""The states of a round and of its leader's reward."""

from enum import StrEnum

CODE = "invite_new"


class RoundState(StrEnum):
    OPENING = "OPENING"  # its leader has a pass to open the group
    FORMING = "FORMING"  # the group is open; friends join
    SUCCEEDED = "SUCCEEDED"  # the group is complete
    FAILED = "FAILED"  # the group came to nothing
    EXPIRED = "EXPIRED"  # no group was opened in time


MOVES: dict[RoundState, frozenset[RoundState]] = {
    RoundState.OPENING: frozenset({RoundState.FORMING, RoundState.EXPIRED}),
    RoundState.FORMING: frozenset({RoundState.SUCCEEDED, RoundState.FAILED}),
    RoundState.SUCCEEDED: frozenset(),
    RoundState.FAILED: frozenset(),
    RoundState.EXPIRED: frozenset(),
}
OPEN = frozenset({RoundState.OPENING, RoundState.FORMING})


class RewardKind(StrEnum):
    NONE = "none"
    COUPON = "coupon"
    REFUND = "refund"  # a part of what the leader's order cost
    FREE_ORDER = "free_order"  # all of it


class RewardState(StrEnum):
    DUE = "DUE"  # the group is complete; the money comes when all of its orders have left
    PAID = "PAID"  # the coupon is there, or the money is on its way
    WITHHELD = "WITHHELD"  # an order of the group was refunded before it was paid
    TAKEN_BACK = "TAKEN_BACK"  # the coupon, unused, was taken back
    OWED = "OWED"  # an order was refunded when the coupon was used: the desk decides
    LET_GO = "LET_GO"  # the desk leaves it to the leader


REWARD_MOVES: dict[RewardState, frozenset[RewardState]] = {
    RewardState.DUE: frozenset({RewardState.PAID, RewardState.WITHHELD}),
    RewardState.PAID: frozenset({RewardState.TAKEN_BACK, RewardState.OWED}),
    # Its order was cancelled, and the coupon came back.
    RewardState.OWED: frozenset({RewardState.TAKEN_BACK, RewardState.LET_GO}),
    RewardState.WITHHELD: frozenset(),
    RewardState.TAKEN_BACK: frozenset(),
    RewardState.LET_GO: frozenset(),
}
