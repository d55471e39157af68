"""What the stock scripts answer."""

from enum import StrEnum


class PreloadReply(StrEnum):
    LOADED = "LOADED"
    EXISTS = "EXISTS"


class FactsReply(StrEnum):
    UPDATED = "UPDATED"
    STALE = "STALE"
    OVER = "OVER"


class GateReply(StrEnum):
    SET = "SET"
    OVER = "OVER"
    OUTDATED = "OUTDATED"
    MISSING = "MISSING"


class TotalReply(StrEnum):
    CHANGED = "CHANGED"
    REPEATED = "REPEATED"
    SHORT = "SHORT"
    MISSING = "MISSING"


class SettleReply(StrEnum):
    APPLIED = "APPLIED"  # the units moved now
    REPEATED = "REPEATED"  # they had moved before
    REFUSED = "REFUSED"  # they went another way before, e.g. a CONFIRM that its RETURN overtook
    UNKNOWN = "UNKNOWN"  # no such hold: an archived activity, or a ledger that has to be rebuilt
    NO_STOCK = "NO_STOCK"  # the stock is lost; try again after the rebuild
    INCONSISTENT = "INCONSISTENT"  # a counter would become negative; somebody has to look


class SettleMovement(StrEnum):
    CONFIRM = "CONFIRM"  # lock → sold
    RELEASE = "RELEASE"  # lock → remain
    RETURN = "RETURN"  # sold → remain
    REJECT = "REJECT"  # lock → remain, and the shopper sees the reason
    FORGO = "FORGO"  # sold → remain, if it is; and what was released isn't taken up again
