"""What a shopper can ask for after the goods have left, and the states of such a request."""

from enum import StrEnum


class RequestKind(StrEnum):
    REFUND_ONLY = "refund_only"  # money back, the goods stay
    RETURN_AND_REFUND = "return_and_refund"  # the goods go back first


class RequestCause(StrEnum):
    NOT_ARRIVED = "not_arrived"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    MISSING_PARTS = "missing_parts"
    NOT_AS_DESCRIBED = "not_as_described"
    NO_LONGER_WANTED = "no_longer_wanted"
    OTHER = "other"
    REWARD = "reward"  # nobody asked: a game gives it


# What somebody may ask for.
ASKED_CAUSES = tuple(cause for cause in RequestCause if cause is not RequestCause.REWARD)


class RequestState(StrEnum):
    REQUESTED = "REQUESTED"  # we have your request and decide about it
    IN_REVIEW = "IN_REVIEW"  # one of us agrees, a second person decides
    RETURNING = "RETURNING"  # approved; send the goods back
    REFUNDING = "REFUNDING"  # approved; your money is on its way back
    DONE = "DONE"  # you have your money back
    REFUSED = "REFUSED"  # not approved; the answer says why
    CANCELLED = "CANCELLED"  # taken back, or the goods weren't sent back in time


class EndReason(StrEnum):
    """Why a request ended without a decision."""

    BY_MEMBER = "by_member"
    NOT_RETURNED = "not_returned"


# In the log of an approval: the shopper gets a part of what was asked for.
LESS_THAN_ASKED = "less_than_asked"
MOVES: dict[RequestState, frozenset[RequestState]] = {
    RequestState.REQUESTED: frozenset(
        {
            RequestState.IN_REVIEW,
            RequestState.RETURNING,
            RequestState.REFUNDING,
            RequestState.REFUSED,
            RequestState.CANCELLED,
        }
    ),
    RequestState.IN_REVIEW: frozenset(
        {RequestState.RETURNING, RequestState.REFUNDING, RequestState.REFUSED, RequestState.CANCELLED}
    ),
    # Refused after the return: what came back isn't what was sold.
    RequestState.RETURNING: frozenset({RequestState.REFUNDING, RequestState.REFUSED, RequestState.CANCELLED}),
    RequestState.REFUNDING: frozenset({RequestState.DONE}),
    RequestState.DONE: frozenset(),
    RequestState.REFUSED: frozenset(),
    RequestState.CANCELLED: frozenset(),
}
# An order has one of these at a time.
OPEN = frozenset({RequestState.REQUESTED, RequestState.IN_REVIEW, RequestState.RETURNING, RequestState.REFUNDING})
UNDECIDED = frozenset({RequestState.REQUESTED, RequestState.IN_REVIEW})
# Nothing goes back for these.
VAIN = frozenset({RequestState.REFUSED, RequestState.CANCELLED})
