"""How red packets are played in simulations."""

from collections.abc import Mapping
from typing import Any

from pgs_web.marketing.red_packet.ladders import Growth, commit_seed, make_ladder
from pgs_web.marketing.red_packet.states import CODE, PacketState
from pgs_web.plays.round_story import ABUSE_SHARE, RoundStory
from pgs_web.plays.stories import Offer, Outcome, Scene

# Packets that aren't helped to their end are left alone, or redeemed early.
LEAVES, REDEEMS_EARLY = 0.12, 0.3
FACE_FEN, CAP_FEN = 200, 1200
THRESHOLD_FEN = 3000


class RedPacketStory(RoundStory):
    code = CODE
    rounds = "packets/"
    id_field = "packet_id"
    running = "red_packet_running"
    start_may = ("red_packet_limit", "red_packets_gone")
    over = "red_packet_over"
    help_may = ("red_packet_full", "red_packet_envelope_empty")

    def offer(self) -> Offer:
        """Dear enough for the coupon."""
        return Offer(price_fen=3590, alone_price_fen=3990)

    def rules(self, *, activity_id: int, minutes: int) -> Mapping[str, Any]:
        """Up to six raises; an envelope that a large simulation uses up."""
        return {
            "face_fen": FACE_FEN,
            "cap_fen": CAP_FEN,
            "rungs": "",
            "most_helps": 6,
            "least_fen": 100,
            "most_fen": 250,
            "packets": 1_000,
            "envelope_fen": 250_000,
            "reserves_all": False,
            "packets_a_member": 3,
            "minutes": minutes,
            "threshold_fen": THRESHOLD_FEN,
            "coupon_hours": 1,
            "product_id": None,
            "activity_id": activity_id,
            "helps_a_helper": 8,
            "helps_a_device": 10,
            "helps_an_address": 12,
            "only_new_helpers": False,
        }

    async def play(self, scene: Scene) -> None:
        """Opens, shares, is helped, and redeems or leaves it; the proof is verified at the end."""
        packet = await self.start(scene)
        if packet is None:
            return
        redeem = f"{self.own(packet)}redeem/"
        if packet["state"] == PacketState.RUNNING:
            packet = await self._expand(scene, packet, redeem)
        if packet["state"] == PacketState.RUNNING:
            scene.note(Outcome.LEFT, packet["packet_id"])
        if packet["state"] != PacketState.REDEEMED:
            return
        scene.note(Outcome.FINISHED, packet["packet_id"])
        if scene.happens(ABUSE_SHARE):
            await scene.initiator.ask("redeem", "POST", redeem, must=(self.over,))
        await self.help_too_late(scene, packet)
        await self._verify(scene, packet)
        price_fen = self.offer().alone_price_fen - packet["value_fen"]
        await self.buy_for(scene, packet, price_fen=price_fen)

    async def _expand(self, scene: Scene, packet: Mapping[str, Any], redeem: str) -> Mapping[str, Any]:
        """The packet afterwards."""
        await self.try_abuse(scene, packet)
        ends = scene.chance.random()
        if ends < REDEEMS_EARLY:
            await self.help_few(packet, scene.friends)
        else:
            await self.help_all(packet, scene.friends)
        if ends >= LEAVES:
            await scene.initiator.ask("redeem", "POST", redeem, may=(self.over,))
        return await self.read(scene, packet)

    async def _verify(self, scene: Scene, packet: Mapping[str, Any]) -> None:
        """As anybody can, from what the shop publishes."""
        proof = (await scene.initiator.ask("proof", "GET", f"{self.shared(packet)}proof/", signs_in=False)).body
        name, seed, helps = packet["packet_id"], proof["seed"], proof["helps"]
        growth = Growth(
            face_fen=proof["face_fen"],
            cap_fen=proof["cap_fen"],
            rungs=proof["rungs"],
            helps=proof["most_helps"],
            least_fen=proof["least_fen"],
            most_fen=proof["most_fen"],
        )
        ladder = make_ladder(growth, seed=seed)
        scene.require(commit_seed(seed) == packet["commitment"], f"{name}: another seed was committed")
        scene.require(ladder == proof["ladder"], f"{name}: its seed makes another ladder")
        grown = proof["face_fen"] + sum(help_["added_fen"] for help_ in helps)
        scene.require(grown == packet["value_fen"] == ladder[len(helps)], f"{name}: its helps don't sum up")
