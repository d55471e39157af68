"""What a check is: an id of docs/invariants, when it may be judged, and a generator of offenders."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

OFFENDERS_SHOWN = 10


class When(StrEnum):
    ALWAYS = "A"  # at any moment
    QUIET = "Q"  # when nothing is on its way


@dataclass(frozen=True)
class Check:
    id: str
    when: When
    promise: str
    find_offenders: Callable[[], Iterator[str]]


@dataclass
class Verdict:
    """`count` of all offenders and the first of them; ok when there are none."""

    check: Check
    count: int = 0
    offenders: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        return self.count == 0


def make_check(check_id: str, when: When, promise: str) -> Callable[[Callable[[], Iterator[str]]], Check]:
    """Decorator: turns a generator function of offenders into a `Check`."""

    def wrap(find_offenders: Callable[[], Iterator[str]]) -> Check:
        return Check(id=check_id, when=when, promise=promise, find_offenders=find_offenders)

    return wrap
