"""How a game is played, told by the game: what members do over HTTP in `manage.py simulate_games` and in the demo.

A game's `story.py` has a subclass of `Story`, its PLAY an object of it. Who plays it is in pgs_task/simulation.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

Said = TypeVar("Said")

# Acts that reports of all games count by the same name.
START = "start"
HELP = "help"


class Outcome(StrEnum):
    """What reports count of a round."""

    STARTED = "started"
    FINISHED = "finished"  # what it is for was reached
    GIVEN_UP = "given up"
    LEFT = "left running"
    BOUGHT = "bought"
    PAID = "paid"


class StoryEnds(Exception):
    """The shop said what the story doesn't know; it is written down, and nothing more of this round is played."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """`code` is the status for success, else the refusal's."""

    code: str
    is_ok: bool
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Order:
    """An accepted order; `group_id` is empty for one bought alone."""

    order_id: str
    group_id: str
    amount_fen: int


class Actor(Protocol):
    """A member at the shop's HTTP API, with a device and a network address of their own or of their household."""

    @property
    def member_id(self) -> str: ...

    @property
    def is_new(self) -> bool:
        """Whether they have paid nothing yet, as far as the simulation knows."""

    async def ask(
        self,
        act: str,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        may: Collection[str] = (),
        must: Collection[str] = (),
        signs_in: bool = True,
        shows_device: bool = True,
    ) -> Reply:
        """A request below /api/v1/, counted as `act`; asked again while the shop can't say yes or no.

        Success and refusals of `may` are expected, with `must` only its refusals are. Raises StoryEnds otherwise.
        """

    async def order(
        self,
        *,
        activity_id: str,
        key: str,
        mode: str = "alone",
        group_id: str = "",
        entry_pass: str = "",
        may: Collection[str] = (),
        must: Collection[str] = (),
    ) -> Order | None:
        """Orders a unit, once however often it is called with a key; None when refused with a code of `may`, `must`."""

    async def use_coupons(self, order: Order, coupon_ids: Sequence[str], *, must: Collection[str] = ()) -> Order:
        """Takes coupons for an order as soon as it is written down; the order with what it then costs."""

    async def pay(self, order: Order) -> None:
        """Pays at the gateway, once however often it is called; raises StoryEnds when the money isn't taken."""


@dataclass(frozen=True)
class EarlierRound:
    """A round that a scene began in a simulation that was killed, and who started it."""

    round_id: str
    member_id: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One round to be played: who starts it, who bought on the same day, and where the dice fall.

    A round that was cut off by a killed simulation is played again with the same `key` and dice: `earlier` names it,
    and the story goes on from the state that it finds it in. What it finds done it takes for granted: refusals for that
    reason are in `may`. `keep` is told which round is played, as soon as that is known; `note` what became of a round
    or an order, by its id: whoever tells it twice counts once.
    """

    key: str
    campaign_id: str
    activity_id: str
    initiator: Actor
    friends: Sequence[Actor]
    chance: random.Random
    note: Callable[[Outcome, str], object]
    complain: Callable[[str], None]
    keep: Callable[[str, str], None]
    earlier: EarlierRound | None = None

    def require(self, holds: bool, otherwise: str) -> None:
        """The simulation fails, saying so, unless it holds."""
        if not holds:
            self.complain(otherwise)

    def happens(self, share: float) -> bool:
        """A throw of the dice: True in `share` (0..1) of all cases."""
        return self.chance.random() < share


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The activity that a campaign is about; amounts in fen. `play` is who sells it, `new_seats` are of a group."""

    price_fen: int
    alone_price_fen: int
    group_size: int = 2
    new_seats: int = 0
    play: str = "standard"
    # Members play again and again.
    member_limit: int = 1_000


class Story(ABC):
    """A game's own way of being played, with what should be refused in it, too."""

    # How many others are in a scene at most.
    most_friends: int = 12

    @abstractmethod
    def offer(self) -> Offer:
        """What the campaign is about."""

    @abstractmethod
    def rules(self, *, activity_id: int, minutes: int) -> Mapping[str, Any]:
        """Rules of a campaign whose rounds, and whatever follows them, take `minutes` each."""

    @abstractmethod
    async def play(self, scene: Scene) -> None:
        """Plays a round; raises StoryEnds."""


async def together(acts: Sequence[Coroutine[Any, Any, Said]]) -> list[Said]:
    """Does all at once; when one raises, the others are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(act) for act in acts]
    return [task.result() for task in tasks]
