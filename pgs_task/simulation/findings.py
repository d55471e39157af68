"""What a simulation counts, and what it finds wrong."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

# Complaints told in full; the others are counted.
TOLD = 20


@dataclass
class Findings:
    """Outcomes a game, and complaints: what the shop should not have said or done."""

    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    complaints: int = 0
    told: list[str] = field(default_factory=list)

    def note(self, game: str, outcome: str) -> None:
        """Counts what became of a round or an order."""
        self.outcomes[game][outcome] += 1

    def complain(self, text: str) -> None:
        """Counts what is wrong, and keeps the first ones."""
        self.complaints += 1
        if len(self.told) < TOLD:
            self.told.append(text)
