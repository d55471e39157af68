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
    _noted: set[tuple[str, str, str]] = field(default_factory=set)

    def note(self, game: str, outcome: str, about: str) -> bool:
        """Counts what became of the round or order `about`, once however often it is told; whether it is news."""
        fact = (game, outcome, about)
        is_fresh = fact not in self._noted
        if is_fresh:
            self._noted.add(fact)
            self.outcomes[game][outcome] += 1
        return is_fresh

    def complain(self, text: str) -> None:
        """Counts what is wrong, and keeps the first ones."""
        self.complaints += 1
        if len(self.told) < TOLD:
            self.told.append(text)
