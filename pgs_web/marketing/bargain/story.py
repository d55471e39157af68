"""How bargains are played in simulations."""

from collections.abc import Mapping
from typing import Any

from pgs_web.marketing.bargain.schedule import commit_seed, make_cuts
from pgs_web.marketing.bargain.states import CODE, RoundState
from pgs_web.plays.round_story import RoundStory
from pgs_web.plays.stories import Offer, Outcome, Scene

# Rounds that don't go to the lowest price are given up, left alone, or bought early.
GIVES_UP, LEAVES, BUYS_EARLY = 0.08, 0.16, 0.28


class BargainStory(RoundStory):
    code = CODE
    running = "bargain_round_running"
    start_may = ("bargain_round_limit",)
    over = "bargain_over"

    def offer(self) -> Offer:
        """Ten yuan can be cut."""
        return Offer(price_fen=3590, alone_price_fen=3990)

    def rules(self, *, activity_id: int, minutes: int) -> Mapping[str, Any]:
        """Six cuts, caps that whoever helps every day meets."""
        return {
            "activity_id": activity_id,
            "floor_price_fen": 2990,
            "cuts": 6,
            "min_cut_fen": 5,
            "new_member_cuts": 2,
            "minutes": minutes,
            "pay_minutes": minutes,
            "rounds_a_member": 3,
            "helps_a_helper": 8,
            "helps_a_device": 10,
            "helps_an_address": 12,
            "may_buy_early": True,
        }

    async def play(self, scene: Scene) -> None:
        """Starts, shares, is helped, and gives up, leaves it or buys; the proof is verified at the end."""
        round_ = await self.start(scene)
        if round_ is None:
            return
        if round_["state"] == RoundState.RUNNING:
            round_ = await self._bargain(scene, round_)
        match round_["state"]:
            case RoundState.REACHED:
                scene.note(Outcome.FINISHED, round_["round_id"])
                await self.help_too_late(scene, round_)
                await self.buy_for(scene, round_, price_fen=round_["price_fen"])
            case RoundState.GIVEN_UP:
                scene.note(Outcome.GIVEN_UP, round_["round_id"])
            case RoundState.RUNNING:
                scene.note(Outcome.LEFT, round_["round_id"])
        await self._verify(scene, round_)

    async def _bargain(self, scene: Scene, round_: Mapping[str, Any]) -> Mapping[str, Any]:
        """The round afterwards."""
        await self.try_abuse(scene, round_)
        ends = scene.chance.random()
        if ends < BUYS_EARLY:
            await self.help_few(round_, scene.friends)
        else:
            await self.help_all(round_, scene.friends)
        if ends < GIVES_UP:
            await scene.initiator.ask("give up", "POST", f"{self.own(round_)}give-up/", may=(self.over,))
        elif LEAVES <= ends < BUYS_EARLY:
            # Nothing is cut yet when nobody's help counted.
            early = (self.over, "bargain_not_at_floor")
            await scene.initiator.ask("buy early", "POST", f"{self.own(round_)}buy/", may=early)
        return await self.read(scene, round_)

    async def _verify(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        """As anybody can, from what the shop publishes."""
        proof = (await scene.initiator.ask("proof", "GET", f"{self.shared(round_)}proof/", signs_in=False)).body
        if round_["state"] == RoundState.RUNNING:
            # Its time may be over just now.
            return
        name, seed, helps = round_["round_id"], proof["seed"], proof["helps"]
        cuts = make_cuts(seed=seed, gap_fen=proof["gap_fen"], cuts=proof["cuts"], min_cut_fen=proof["min_cut_fen"])
        scene.require(commit_seed(seed) == round_["commitment"], f"{name}: another seed was committed")
        scene.require(cuts == proof["schedule"], f"{name}: its seed makes other cuts")
        taken = [sum(cuts[help_["first_cut"] : help_["first_cut"] + help_["cuts"]]) for help_ in helps]
        scene.require(taken == [help_["cut_fen"] for help_ in helps], f"{name}: helpers cut otherwise")
        scene.require(sum(taken) == round_["cut_fen"], f"{name}: the cuts don't sum up")
