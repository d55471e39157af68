"""How invite-new groups are played in simulations."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pgs_web.marketing.invite_new.states import CODE, RewardKind, RoundState
from pgs_web.plays.round_story import ABUSE_SHARE, HELP_MAY, RoundStory
from pgs_web.plays.stories import HELP, Actor, Offer, Order, Outcome, Scene
from pgs_web.trade.order.states import OrderState

# Opening and success are told through the outbox: seconds on a busy machine.
LOOKS, LOOK_SECONDS = 60, 0.5
# Friends who take a seat and don't pay for it.
FORGETS_SHARE = 0.1
VAIN = frozenset({OrderState.CANCELLED, OrderState.REFUNDING, OrderState.REFUNDED, OrderState.REJECTED})


class InviteNewStory(RoundStory):
    code = CODE
    running = "invite_new_round_open"
    running_states = (RoundState.OPENING,)
    start_may = ("invite_new_round_limit",)
    over = "invite_new_not_open"
    help_may = ("invite_new_already_joined", "invite_new_new_seats_only", "not_new_member")

    def offer(self) -> Offer:
        """Three buy together, one of them for the first time."""
        return Offer(price_fen=2990, alone_price_fen=3990, group_size=3, new_seats=1, play=CODE)

    def rules(self, *, activity_id: int, minutes: int) -> Mapping[str, Any]:
        """A coupon for the leader of each group that the stock allows."""
        return {
            "activity_id": activity_id,
            "leader_has_paid": True,
            "rounds_a_member": 3,
            "reward_kind": RewardKind.COUPON.value,
            "reward_fen": 300,
            "coupon_threshold_fen": 2_000,
            "coupon_days": 7,
            "envelope_fen": 10_000_000,
            "joins_a_friend": 8,
            "joins_a_device": 10,
            "joins_an_address": 12,
        }

    async def play(self, scene: Scene) -> None:
        """Who has bought before invites; friends join until the group is full, or nobody is left."""
        people = (scene.initiator, *scene.friends)
        if scene.earlier is None:
            leader = next((one for one in people if not one.is_new), None)
        else:
            leader = next(one for one in people if one.member_id == scene.earlier.member_id)
        if leader is None:
            body = {"campaign_id": scene.campaign_id}
            path = f"{self.root}{self.rounds}"
            await scene.initiator.ask("start", "POST", path, body=body, must=("invite_new_leader_is_new",))
            return
        scene = replace(scene, initiator=leader, friends=[one for one in people if one is not leader])
        round_ = await self.start(scene)
        if round_ is None:
            return
        if round_["state"] == RoundState.OPENING:
            await self._open(scene, round_)
            round_ = await self._look_for(scene, round_, RoundState.FORMING)
        if round_["state"] not in {RoundState.FORMING, RoundState.SUCCEEDED}:
            # What a killed session left may be over by now.
            scene.require(scene.earlier is not None, f"{round_['round_id']}: the group isn't open")
            return
        if not await self._fill(scene, round_):
            scene.note(Outcome.LEFT, round_["round_id"])
            return
        round_ = await self._look_for(scene, round_, RoundState.SUCCEEDED)
        if round_["state"] == RoundState.SUCCEEDED:
            scene.note(Outcome.FINISHED, round_["round_id"])
            for friend in scene.friends[:1]:
                await friend.ask(HELP, "POST", self._door(round_), must=(self.over,))

    async def _fill(self, scene: Scene, round_: Mapping[str, Any]) -> bool:
        """Whether so many have joined and paid that the group is complete."""
        seated = {scene.initiator.member_id}
        if scene.earlier is not None:
            seated |= await self._find_seated(scene, round_)
        if round_["state"] == RoundState.FORMING:
            await self._try(scene, round_)
        # New members first: their seat is the one that nobody else can take.
        for friend in sorted(scene.friends, key=lambda one: not one.is_new):
            if len(seated) == round_["group_size"]:
                break
            if friend.member_id not in seated and await self._join(scene, round_, friend):
                seated.add(friend.member_id)
        return len(seated) == round_["group_size"]

    async def _find_seated(self, scene: Scene, round_: Mapping[str, Any]) -> set[str]:
        """Who ordered in a session before, which was killed; they pay now, unless they did."""
        seated = set()
        for member in (scene.initiator, *scene.friends):
            page = (await member.ask("my orders", "GET", "orders/?page_size=100")).body["results"]
            own = [one for one in page if one["group_id"] == round_["group_id"] and one["state"] not in VAIN]
            for one in own:
                order = Order(order_id=one["order_id"], group_id=round_["group_id"], amount_fen=one["amount_fen"])
                scene.note(Outcome.BOUGHT, order.order_id)
                await member.pay(order)
                scene.note(Outcome.PAID, order.order_id)
                seated.add(member.member_id)
        return seated

    async def _open(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        entry, leader = round_["entry"], scene.initiator
        if scene.happens(ABUSE_SHARE):
            key = f"{scene.key}-without"
            await leader.order(activity_id=scene.activity_id, key=key, mode="group", must=("pass_needed",))
        for friend in scene.friends[:1]:
            if scene.happens(ABUSE_SHARE):
                await self._order(friend, entry, must=("pass_not_valid",))
        order = await self._order(leader, entry)
        if order is not None:
            scene.note(Outcome.BOUGHT, order.order_id)
            await leader.pay(order)
            scene.note(Outcome.PAID, order.order_id)

    async def _try(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        """What must be refused while the group is open."""
        if scene.happens(ABUSE_SHARE):
            await scene.initiator.ask(HELP, "POST", self._door(round_), must=("self_help",))
        for friend in scene.friends[:1]:
            if scene.happens(ABUSE_SHARE):
                await friend.ask(HELP, "POST", self._door(round_), must=("device_unknown",), shows_device=False)
            if scene.happens(ABUSE_SHARE):
                await friend.ask("read", "GET", self.own(round_), must=("not_found",))

    async def _join(self, scene: Scene, round_: Mapping[str, Any], friend: Actor) -> bool:
        """Whether the friend has joined and paid."""
        await friend.ask("share", "GET", self.shared(round_), signs_in=False)
        let_in = await friend.ask(HELP, "POST", self._door(round_), may=(*HELP_MAY, self.over, *self.help_may))
        if not let_in.is_ok:
            return False
        order = await self._order(friend, let_in.body["entry"], may=("group_full", "group_closed"))
        if order is None:
            return False
        scene.note(Outcome.BOUGHT, order.order_id)
        if scene.happens(FORGETS_SHARE):
            return False
        await friend.pay(order)
        scene.note(Outcome.PAID, order.order_id)
        return True

    async def _order(self, buyer: Actor, entry: Mapping[str, Any], **expected: Any) -> Any:
        return await buyer.order(
            activity_id=str(entry["activity_id"]),
            key=str(entry["idempotency_key"]),
            mode="group",
            group_id=str(entry["group_id"] or ""),
            entry_pass=str(entry["entry_pass"]),
            **expected,
        )

    async def _look_for(self, scene: Scene, round_: Mapping[str, Any], state: RoundState) -> Mapping[str, Any]:
        for _look in range(LOOKS):
            round_ = await self.read(scene, round_)
            if round_["state"] == state:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return round_

    def _door(self, round_: Mapping[str, Any]) -> str:
        return f"{self.shared(round_)}join/"
