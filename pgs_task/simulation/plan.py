"""What is played on a day: rounds of the games, then orders of who bought; the same days make the same plan."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgs_task.simulation.days import BuyingDay

# Of a day's buyers, one in so many starts a round; the games take turns.
STARTS_ONE_IN = 3
# Some share their link with few, so that not every round comes to its end.
FEWEST_FRIENDS = 2
# Who bought on a day before buys again at its end in so many cases, who is new always does.
BUYS_AGAIN_SHARE = 0.15


@dataclass(frozen=True)
class Round:
    """`number` counts what is played from 1; the dice of a round are thrown from `seed`."""

    number: int
    code: str
    initiator: str
    friends: tuple[str, ...]
    seed: str


@dataclass(frozen=True)
class Errand:
    """An ordinary order at the end of the day; whoever was a new member is none from then on."""

    number: int
    buyer: str


@dataclass(frozen=True)
class DayPlan:
    rounds: tuple[Round, ...]
    errands: tuple[Errand, ...]


def plan_days(
    days: Iterable[BuyingDay], *, games: Mapping[str, int], seed: str, limit: int | None = None
) -> Iterator[DayPlan]:
    """A plan a day, with `limit` rounds at most in all; `games`: code → friends of a round at most.

    Remembers who has bought before, so memory grows with the customers.
    """
    number, played, known = 0, 0, set[str]()
    codes = sorted(games)
    for day in days:
        chance = random.Random(f"{seed}:{day.day}")  # nosec B311: behaviour, not secrets
        rounds, errands = [], []
        for initiator in day.buyers[::STARTS_ONE_IN]:
            if not codes or (limit is not None and played >= limit):
                break
            number, played = number + 1, played + 1
            code = codes[played % len(codes)]
            friends = _choose_friends(day.buyers, initiator, games[code], chance)
            rounds.append(Round(number, code, initiator, friends, f"{seed}:{number}"))
        for buyer in day.buyers:
            if buyer not in known or chance.random() < BUYS_AGAIN_SHARE:
                number += 1
                errands.append(Errand(number, buyer))
        known.update(day.buyers)
        yield DayPlan(tuple(rounds), tuple(errands))
        if limit is not None and played >= limit:
            return


def _choose_friends(buyers: Sequence[str], initiator: str, most: int, chance: random.Random) -> tuple[str, ...]:
    others = [buyer for buyer in buyers if buyer != initiator]
    return tuple(chance.sample(others, min(chance.randint(FEWEST_FRIENDS, most), len(others))))
