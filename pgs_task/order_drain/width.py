"""How many orders one transaction of a node takes: found by trying, as a network connection finds its window."""

from dataclasses import dataclass, field

# Of the smoothed time a transaction takes, what the newest one counts.
NEWEST = 0.3
# A slow transaction is blamed on the width when it was at least the width's part by this number.
BLAMED = 2
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
    # Smoothed; of the transactions that succeeded, 0 when none was for a while.
    seconds: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise ValueError(f"A width is between 1 and more, not {self.least} to {self.most}.")
        self.value = min(self.most, FIRST * self.least)

    def note_success(self, *, orders: int, seconds: float) -> None:
        """A transaction of so many orders took so long."""
        self.seconds = seconds if not self.seconds else self.seconds + NEWEST * (seconds - self.seconds)
        if seconds > self.target_seconds:
            # A narrow one that is slow blames the node, not the width: narrower ones would wait as long, for fewer.
            if orders >= self.value / BLAMED:
                self.value = max(self.least, self.value // 2)
        elif orders >= self.value:
            self.value = min(self.most, self.value + self.least)

    def note_failure(self) -> None:
        """The node was away, or refused for a reason of its own."""
        self.value = max(self.least, self.value // 2)

    def note_idle(self) -> None:
        """Nobody asked anything of the node for a while: what was known of its slowness says nothing of now."""
        self.seconds = 0.0
