"""What the intake scripts are asked and answer; structs, because several are made for every order of a rush."""

from enum import StrEnum

import msgspec

from pgs_web.trade.stock.holds import Hold


class ClaimReply(StrEnum):
    NEW = "NEW"
    SAME = "SAME"
    REUSED = "REUSED"
    TOO_MANY = "TOO_MANY"


class AdmitReply(StrEnum):
    ADMITTED = "ADMITTED"
    REPLAYED = "REPLAYED"
    UNKNOWN_ACTIVITY = "UNKNOWN_ACTIVITY"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    PAUSED = "PAUSED"
    OTHER_SPREAD = "OTHER_SPREAD"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNKNOWN_GROUP = "UNKNOWN_GROUP"
    GROUP_CLOSED = "GROUP_CLOSED"
    ALREADY_IN_GROUP = "ALREADY_IN_GROUP"
    GROUP_FULL = "GROUP_FULL"
    SOLD_OUT = "SOLD_OUT"
    BACKLOG = "BACKLOG"


class Claim(msgspec.Struct, frozen=True):
    """A member's key, the digest of what was sent with it, and the order id it is bound to if it is new."""

    member_id: int
    key: str
    digest: str
    order_id: int
    activity_id: int


class Claimed(msgspec.Struct, frozen=True):
    """`is_old`: an older version has claimed the key, so the order, if it is in, may be under its id written out."""

    reply: ClaimReply
    order_id: int
    # Orders that the member let run out lately, where that is counted.
    strikes: int = 0
    is_old: bool = False


class Admission(msgspec.Struct, frozen=True):
    """One order that asks to come in; without a group to join or to open it is bought alone."""

    order_id: int
    activity_id: int
    member_id: int
    quantity: int
    join_group_id: int | None
    open_group_id: int | None
    address_id: int
    idempotency_key: str
    trace_id: str
    # A code of trade/order/wishes.py.
    wishes: int = 0
    # A time to pay that is shorter than the activity's; 0 for the activity's.
    pay_within_ms: int = 0


class Admitted(msgspec.Struct, frozen=True):
    """The verdict; the hold is there when the order is in, now or from before."""

    reply: AdmitReply
    hold: Hold | None
