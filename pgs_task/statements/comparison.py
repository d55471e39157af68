"""What a comparison of a day found."""

from dataclasses import dataclass, field, replace
from datetime import date

from pgs_task.payment.gateways.contract import LineKind, StatementLine
from pgs_task.statements.states import DifferenceKind

# A day with more is no list to be worked off: another day's file, or another shop's. They are still counted.
DIFFERENCES_KEPT = 5_000

Key = tuple[str, str, int, str]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One line that doesn't fit; `number` is the trade's or our refund's, the amounts are in fen, 0 where missing.

    A line that the statement repeats is one difference with the sum of its amounts.
    """

    kind: DifferenceKind
    line: LineKind
    payment_id: int
    number: str
    our_fen: int
    their_fen: int

    @property
    def key(self) -> Key:
        """What makes it the same difference when it is found again."""
        return self.kind.value, self.line.value, self.payment_id, self.number


@dataclass(kw_only=True)
class StatementComparison:
    """Both sides' sums of a day in fen, and the first 5,000 differences."""

    gateway: str
    day: date
    their_lines: int = 0
    their_paid_fen: int = 0
    their_refunded_fen: int = 0
    their_fee_fen: int = 0
    our_lines: int = 0
    our_paid_fen: int = 0
    our_refunded_fen: int = 0
    difference_count: int = 0
    kept: dict[Key, Difference] = field(default_factory=dict)

    @property
    def differences(self) -> list[Difference]:
        return list(self.kept.values())

    @property
    def fits(self) -> bool:
        return self.difference_count == 0

    @property
    def is_complete(self) -> bool:
        """Whether all differences were kept."""
        return self.difference_count == len(self.kept)

    def add(self, difference: Difference) -> None:
        """Keeps a difference; one that is kept already grows by its amounts."""
        same = self.kept.get(difference.key)
        if same is not None:
            our_fen, their_fen = same.our_fen + difference.our_fen, same.their_fen + difference.their_fen
            self.kept[same.key] = replace(same, our_fen=our_fen, their_fen=their_fen)
            return
        self.difference_count += 1
        if len(self.kept) < DIFFERENCES_KEPT:
            self.kept[difference.key] = difference

    def count_theirs(self, line: StatementLine) -> None:
        """Adds a line of the statement to their sums."""
        self.their_fee_fen += line.fee_fen or 0
        if line.kind == LineKind.PAYMENT:
            self.their_paid_fen += line.amount_fen
        else:
            self.their_refunded_fen += line.amount_fen

    def count_ours(self, kind: LineKind, amount_fen: int) -> None:
        """Adds one of our rows of the day to our sums."""
        self.our_lines += 1
        if kind == LineKind.PAYMENT:
            self.our_paid_fen += amount_fen
        else:
            self.our_refunded_fen += amount_fen

    def pair_numbers(self) -> None:
        """Makes one NUMBER of a payment that each side has under a trade number that the other hasn't."""
        theirs = self._payments_of(DifferenceKind.MISSING_HERE)
        ours = self._payments_of(DifferenceKind.MISSING_THERE)
        both = theirs.keys() & ours.keys()
        for payment_id in sorted(both):
            del self.kept[ours[payment_id].key], self.kept[theirs[payment_id].key]
            self.difference_count -= 2
            self.add(replace(theirs[payment_id], kind=DifferenceKind.NUMBER, our_fen=ours[payment_id].our_fen))

    def _payments_of(self, kind: DifferenceKind) -> dict[int, Difference]:
        return {
            difference.payment_id: difference
            for difference in self.kept.values()
            if difference.kind == kind and difference.line == LineKind.PAYMENT and difference.payment_id
        }
