"""Plays days: their rounds first, a bounded number at once, then what is bought at their end."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from pgs_task.shoppers.client import ShopClient
from pgs_task.simulation.actors import Person, PlayingMember
from pgs_task.simulation.journal import Journal
from pgs_task.simulation.plan import DayPlan, Errand, Round
from pgs_task.simulation.stage import Stage
from pgs_web.plays.stories import Outcome, Scene, StoryEnds

IN_FLIGHT = 12
# What isn't of a game: orders at the end of the day.
SHOP = "shop"
WITH_COUPON = "with a coupon"


@dataclass(kw_only=True)
class GamePlayer:
    """Plays plans, each step once; `stop()` ends it politely: what was begun is finished.

    A step that was in flight when a session was killed is played on: the journal knows its round, its orders have the
    same keys, and stories expect what they find done.
    """

    shop: ShopClient
    stage: Stage
    people: Mapping[str, Person]
    journal: Journal
    on_step: Callable[[], None]
    is_stopping: bool = False

    def stop(self) -> None:
        """Nothing new is begun."""
        self.is_stopping = True

    async def play(self, plans: Iterable[DayPlan]) -> None:
        """Plays all that the journal doesn't have yet, day by day; raises what a story's mistake raises."""
        for person in self.people.values():
            person.has_paid = person.shopper.member_id in self.journal.paid
        for plan in plans:
            await self._play_all((round_.number, partial(self._play_round, round_)) for round_ in plan.rounds)
            await self._play_all((errand.number, partial(self._run_errand, errand)) for errand in plan.errands)
            if self.is_stopping:
                break

    async def _play_all(self, steps: Iterable[tuple[int, Callable[[], Awaitable[None]]]]) -> None:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def play_one(number: int, play: Callable[[], Awaitable[None]]) -> None:
            try:
                await play()
            except* StoryEnds:
                # Written down where it was raised.
                pass
            finally:
                places.release()
            self.journal.finish_step(number)
            self.on_step()

        async with asyncio.TaskGroup() as group:
            for number, play in steps:
                if number in self.journal.done:
                    continue
                await places.acquire()
                if self.is_stopping:
                    break
                group.create_task(play_one(number, play))

    async def _play_round(self, round_: Round) -> None:
        game = self.stage.games[round_.code]
        self.journal.begin_step(round_.number)
        scene = Scene(
            key=f"{self.journal.run}-{round_.number}",
            campaign_id=game.campaign_id,
            activity_id=game.activity_id,
            initiator=self._member(round_.initiator, game.code),
            friends=[self._member(friend, game.code) for friend in round_.friends],
            chance=random.Random(round_.seed),  # nosec B311: behaviour, not secrets
            note=lambda outcome, about: self.journal.note(game.code, outcome, about),
            complain=lambda text: self.journal.complain(f"{game.code}: {text}"),
            keep=partial(self.journal.keep_round, round_.number),
            earlier=self.journal.rounds.get(round_.number),
        )
        await game.story.play(scene)

    async def _run_errand(self, errand: Errand) -> None:
        buyer = self._member(errand.buyer, SHOP)
        order = await buyer.order(activity_id=self.stage.activity_id, key=f"{self.journal.run}-{errand.number}")
        if order is None:
            return
        self.journal.note(SHOP, Outcome.BOUGHT, order.order_id)
        # The first one fits by itself; two might not go together.
        coupon_ids = (await buyer.fitting_coupons(order))[:1]
        if coupon_ids:
            await buyer.use_coupons(order, coupon_ids)
            self.journal.note(SHOP, WITH_COUPON, order.order_id)
        await buyer.pay(order)
        self.journal.note(SHOP, Outcome.PAID, order.order_id)

    def _member(self, customer: str, game: str) -> PlayingMember:
        return PlayingMember(self.people[customer], game, self.shop, self.journal)
