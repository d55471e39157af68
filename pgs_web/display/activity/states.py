"""An activity's states and the moves between them."""

from enum import StrEnum


class ActivityState(StrEnum):
    DRAFT = "DRAFT"  # being written
    IN_REVIEW = "IN_REVIEW"  # waiting for a second pair of eyes
    SCHEDULED = "SCHEDULED"  # approved, its stock is loaded, waits for its start
    RUNNING = "RUNNING"  # on sale
    PAUSED = "PAUSED"  # nobody can buy at the moment
    ENDED = "ENDED"  # its time is over
    WITHDRAWN = "WITHDRAWN"  # taken back by an operator, for good


class LeaderLeaves(StrEnum):
    SUCCESSION = "succession"  # who joined first of those who are left leads on
    CLOSE = "close"  # the group fails, and everybody gets the money back


MOVES: dict[ActivityState, frozenset[ActivityState]] = {
    ActivityState.DRAFT: frozenset({ActivityState.IN_REVIEW, ActivityState.WITHDRAWN}),
    ActivityState.IN_REVIEW: frozenset({ActivityState.SCHEDULED, ActivityState.DRAFT, ActivityState.WITHDRAWN}),
    ActivityState.SCHEDULED: frozenset({ActivityState.RUNNING, ActivityState.PAUSED, ActivityState.WITHDRAWN}),
    ActivityState.RUNNING: frozenset({ActivityState.PAUSED, ActivityState.ENDED, ActivityState.WITHDRAWN}),
    ActivityState.PAUSED: frozenset(
        # Back to SCHEDULED when it was paused before its start.
        {ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.ENDED, ActivityState.WITHDRAWN}
    ),
    ActivityState.ENDED: frozenset(),
    ActivityState.WITHDRAWN: frozenset(),
}

# For good: nobody can buy any more, and no move leads out.
OVER = frozenset(state for state, moves in MOVES.items() if not moves)

SHOWN_TO_SHOPPERS = frozenset(
    {ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.PAUSED, ActivityState.ENDED}
)
