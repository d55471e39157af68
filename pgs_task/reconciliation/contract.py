"""What a check is: an id of docs/journey_of_an_order.md, when it may be judged, and a generator of offenders."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.functional import Promise

OFFENDERS_SHOWN = 10
# More than these aren't told apart from one look to the next: so many are no movement.
SUBJECTS_KEPT = 10_000
SUBJECT = re.compile(r"(?:[a-z]+ [0-9]+ ?)+")


class When(StrEnum):
    ALWAYS = "A"  # at any moment
    QUIET = "Q"  # when nothing is on its way


@dataclass(frozen=True)
class Check:
    id: str
    when: When
    promise: str | Promise  # translatable: operators read it
    find_offenders: Callable[[], Iterator[str]]


@dataclass
class Verdict:
    """`count` of all offenders and the first of them; ok when there are none and all of them were looked for."""

    check: Check
    count: int = 0
    offenders: list[str] = field(default_factory=list)
    seconds: float = 0.0
    # What the offenders are about, like "activity 7 member 8": their figures may differ from look to look.
    subjects: set[str] = field(default_factory=set)
    # Whether it was looked at to the end. What wasn't is never ok: the reason counts as the first offender.
    is_judged: bool = True

    @property
    def is_ok(self) -> bool:
        return self.is_judged and self.count == 0

    def add(self, offender: str) -> None:
        """Counts an offender and keeps it if it is among the first."""
        self.count += 1
        if len(self.subjects) < SUBJECTS_KEPT:
            self.subjects.add(subject_of(offender))
        if len(self.offenders) < OFFENDERS_SHOWN:
            self.offenders.append(offender)

    def give_up(self, reason: str) -> None:
        """The check could not be judged to its end."""
        self.is_judged = False
        self.count += 1
        self.offenders.insert(0, reason)


def subject_of(offender: str) -> str:
    """What an offender is about: the numbered things that its text begins with, or all of it."""
    found = SUBJECT.match(offender)
    return found.group().strip() if found else offender


def make_check(check_id: str, when: When, promise: str | Promise) -> Callable[[Callable[[], Iterator[str]]], Check]:
    """Decorator: turns a generator function of offenders into a `Check`."""

    def wrap(find_offenders: Callable[[], Iterator[str]]) -> Check:
        return Check(id=check_id, when=when, promise=promise, find_offenders=find_offenders)

    return wrap
