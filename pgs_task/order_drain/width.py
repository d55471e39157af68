"""How many orders one transaction of a node takes: found by trying, as a network connection finds its window."""

from dataclasses import dataclass, field

# Of the smoothed time a transaction takes, what the newest one counts.
NEWEST = 0.3
# The first width, in the least ones: a node that can't take it says so with its first transaction.
FIRST = 8


@dataclass
class Width:
    """Additive increase while full transactions are quick, multiplicative decrease when one is slow or fails.

    `value` stays between `least` and `most` orders. Plain arithmetic: belongs to one thread, others may read it.
    """

    least: int
    most: int
    target_seconds: float
    value: int = field(init=False)
    # Smoothed; of the transactions that succeeded.
    seconds: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise ValueError(f"A width is between 1 and more, not {self.least} to {self.most}.")
        self.value = min(self.most, FIRST * self.least)

    def note_success(self, *, orders: int, seconds: float) -> None:
        """A transaction of so many orders took so long."""
        self.seconds = seconds if not self.seconds else self.seconds + NEWEST * (seconds - self.seconds)
        if seconds > self.target_seconds:
            # Down from what was really written: a slow transaction of a few orders says much about a width of many.
            self.value = max(self.least, min(self.value, orders) // 2)
        elif orders >= self.value:
            self.value = min(self.most, self.value + self.least)

    def note_failure(self) -> None:
        """The node was away, or refused for a reason of its own."""
        self.value = max(self.least, self.value // 2)

    def note_idle(self) -> None:
        """Nobody asked anything of the node for a while: what is known of its slowness grows old."""
        self.seconds /= 2
