"""How assist groups are played in simulations."""

from collections.abc import Mapping
from typing import Any

from pgs_web.marketing.assist.states import CODE, RoundState
from pgs_web.plays.round_story import ABUSE_SHARE, RoundStory
from pgs_web.plays.stories import Offer, Outcome, Scene

PRICE_FEN = 990
# Groups that are given up, or stop after the first friends.
GIVES_UP, LEAVES = 0.08, 0.16


class AssistStory(RoundStory):
    code = CODE
    running = "assist_round_running"
    start_may = ("assist_round_limit", "assist_campaign_full", "assist_won_before", "assist_sold_out")
    over = "assist_over"
    help_may = ("assist_sold_out",)

    def offer(self) -> Offer:
        """Goods that are sold by the game only."""
        return Offer(price_fen=3590, alone_price_fen=3990, play=CODE, member_limit=1)

    def rules(self, *, activity_id: int, minutes: int) -> Mapping[str, Any]:
        """Four friends, fewer units than groups that succeed, a coupon for each help."""
        units, rounds, needed, reward_fen = 100, 10_000, 4, 50
        return {
            "activity_id": activity_id,
            "needed": needed,
            "price_fen": PRICE_FEN,
            "is_freight": True,
            "units": units,
            "returns_units": True,
            "rounds": rounds,
            "reward_fen": reward_fen,
            "reward_threshold_fen": 2_000,
            "reward_days": 14,
            "envelope_fen": units * (3990 - PRICE_FEN) + rounds * needed * reward_fen,
            "minutes": minutes,
            "pay_minutes": minutes,
            "rounds_a_member": 3,
            "helps_a_helper": 8,
            "helps_a_device": 10,
            "helps_an_address": 12,
        }

    async def play(self, scene: Scene) -> None:
        """Starts, shares, is helped, and gives up, leaves it or buys."""
        round_ = await self.start(scene)
        if round_ is None:
            return
        if round_["state"] == RoundState.RUNNING:
            round_ = await self._assist(scene, round_)
        match round_["state"]:
            case RoundState.SUCCEEDED:
                scene.note(Outcome.FINISHED, round_["round_id"])
                await self.help_too_late(scene, round_)
                await self._buy(scene, round_)
            case RoundState.BOUGHT:
                # By a session before, which was killed.
                scene.note(Outcome.FINISHED, round_["round_id"])
                scene.note(Outcome.BOUGHT, round_["order_id"])
                scene.note(Outcome.PAID, round_["order_id"])
            case RoundState.GIVEN_UP:
                scene.note(Outcome.GIVEN_UP, round_["round_id"])
            case RoundState.RUNNING:
                scene.note(Outcome.LEFT, round_["round_id"])

    async def _assist(self, scene: Scene, round_: Mapping[str, Any]) -> Mapping[str, Any]:
        """The group afterwards."""
        await self.try_abuse(scene, round_)
        if scene.happens(ABUSE_SHARE):
            await scene.initiator.ask("buy", "POST", f"{self.own(round_)}buy/", must=("assist_not_complete",))
        ends = scene.chance.random()
        if ends < LEAVES:
            await self.help_few(round_, scene.friends)
        else:
            await self.help_all(round_, scene.friends)
        if ends < GIVES_UP:
            await scene.initiator.ask("give up", "POST", f"{self.own(round_)}give-up/", may=(self.over,))
        return await self.read(scene, round_)

    async def _buy(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        """One unit, at the assist price, by the pass that is for one order."""
        buyer = scene.initiator
        told = await buyer.ask("buy", "POST", f"{self.own(round_)}buy/", may=(self.over,))
        if not told.is_ok:
            return
        entry_pass = str(told.body["entry_pass"])
        if scene.happens(ABUSE_SHARE):
            await buyer.order(activity_id=scene.activity_id, key=scene.key, must=("pass_needed",))
        if scene.happens(ABUSE_SHARE):
            foreign = f"{scene.key}-again"
            await buyer.order(
                activity_id=scene.activity_id, key=foreign, entry_pass=entry_pass, must=("pass_not_valid",)
            )
        key = str(told.body["idempotency_key"])
        order = await buyer.order(activity_id=scene.activity_id, key=key, entry_pass=entry_pass)
        if order is None:
            return
        order = await buyer.use_coupons(order, [str(told.body["coupon_id"])])
        scene.note(Outcome.BOUGHT, order.order_id)
        scene.require(order.amount_fen == PRICE_FEN, f"{order.order_id} costs {order.amount_fen}, not {PRICE_FEN} fen")
        await buyer.pay(order)
        scene.note(Outcome.PAID, order.order_id)
