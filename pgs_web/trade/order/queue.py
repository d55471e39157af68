"""Where an accepted order stands on its way into a database."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """`position` counts the order itself: 1 is the next; `eta_seconds` is by the present pace.

    One that waits for a node that is away is told the most that can be before it, and no time: nobody knows it.
    """

    position: int
    eta_seconds: int | None
