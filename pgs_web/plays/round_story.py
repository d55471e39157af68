"""What stories of games with rounds, share codes and helpers have alike: starting, sharing, helping, and abuse."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pgs_web.plays.stories import HELP, START, Actor, Outcome, Scene, Story, together

# A friend may be of the same household, or have helped often today; or the round was played by a session before.
HELP_MAY = frozenset({"self_help", "already_helped", "helper_cap", "device_cap", "address_cap"})
# Each kind of abuse is tried in so many rounds of one.
ABUSE_SHARE = 0.2
# Friends who help one after the other; the others come at once.
FEW = 2


class RoundStory(Story):
    """A game whose rounds are started at `<code>/rounds/` with a campaign's id, shared by a code, helped by friends.

    A subclass names the refusals: of a start while one runs, of any other start, and of a help that is too late.
    """

    code: str
    rounds: str = "rounds/"
    id_field: str = "round_id"
    running: str
    running_states: Collection[str] = ("RUNNING",)
    start_may: Collection[str] = ()
    over: str
    help_may: Collection[str] = ()

    @property
    def root(self) -> str:
        """Where its addresses begin, below /api/v1/."""
        return f"plays/{self.code}/"

    def own(self, round_: Mapping[str, Any]) -> str:
        """Where who started it finds it."""
        return f"{self.root}{self.rounds}{round_[self.id_field]}/"

    def shared(self, round_: Mapping[str, Any]) -> str:
        """Where everybody with its code finds it."""
        return f"{self.root}shares/{round_['share_code']}/"

    async def start(self, scene: Scene) -> Mapping[str, Any] | None:
        """The new round, the one that the scene or a session before has begun, or None when the member may start no
        more."""
        if scene.earlier is not None:
            return (await scene.initiator.ask("read", "GET", self.own({self.id_field: scene.earlier.round_id}))).body
        await scene.initiator.ask("look", "GET", f"{self.root}campaigns/", signs_in=False)
        started = await scene.initiator.ask(
            START,
            "POST",
            f"{self.root}{self.rounds}",
            body={"campaign_id": scene.campaign_id},
            may=(self.running, *self.start_may),
        )
        if started.is_ok:
            return self._keep(scene, started.body)
        if started.code != self.running:
            return None
        page = (await scene.initiator.ask("my rounds", "GET", f"{self.root}{self.rounds}")).body["results"]
        running = (round_ for round_ in page if round_["campaign_id"] == scene.campaign_id)
        left = next((round_ for round_ in running if round_["state"] in self.running_states), None)
        # Counted already, unless a session was killed before it had the answer.
        return None if left is None else self._keep(scene, left)

    def _keep(self, scene: Scene, round_: Mapping[str, Any]) -> Mapping[str, Any]:
        scene.keep(round_[self.id_field], scene.initiator.member_id)
        scene.note(Outcome.STARTED, round_[self.id_field])
        return round_

    async def read(self, scene: Scene, round_: Mapping[str, Any]) -> Mapping[str, Any]:
        """As who started it sees it now."""
        return (await scene.initiator.ask("read", "GET", self.own(round_))).body

    async def try_abuse(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        """What must be refused in any game while a round runs, in some rounds each."""
        help_path, initiator = f"{self.shared(round_)}help/", scene.initiator
        if scene.happens(ABUSE_SHARE):
            await initiator.ask(HELP, "POST", help_path, must=("self_help",))
        if scene.happens(ABUSE_SHARE):
            body = {"campaign_id": scene.campaign_id}
            await initiator.ask(
                START, "POST", f"{self.root}{self.rounds}", body=body, must=(self.running, *self.start_may)
            )
        for friend in scene.friends[:1]:
            if scene.happens(ABUSE_SHARE):
                await friend.ask(HELP, "POST", help_path, must=("device_unknown",), shows_device=False)
            if scene.happens(ABUSE_SHARE):
                forged = f"{self.root}shares/{round_[self.id_field]}-{'0' * 16}/help/"
                await friend.ask(HELP, "POST", forged, must=("not_found",))
            if scene.happens(ABUSE_SHARE):
                await friend.ask(HELP, "POST", help_path, must=("not_authenticated",), signs_in=False)
            if scene.happens(ABUSE_SHARE):
                await friend.ask("read", "GET", self.own(round_), must=("not_found",))

    async def help_few(self, round_: Mapping[str, Any], friends: Sequence[Actor]) -> None:
        """The first friends help, one after the other."""
        for friend in friends[:FEW]:
            await friend.ask("share", "GET", self.shared(round_), signs_in=False)
            await self.help(round_, friend)

    async def help_all(self, round_: Mapping[str, Any], friends: Sequence[Actor]) -> None:
        """All friends help, most at once: several of them may want the last help."""
        await self.help_few(round_, friends)
        await together([self.help(round_, friend) for friend in friends[FEW:]])

    async def help(self, round_: Mapping[str, Any], friend: Actor) -> bool:
        """Whether the friend's help counted."""
        reply = await friend.ask(
            HELP, "POST", f"{self.shared(round_)}help/", may=(*HELP_MAY, self.over, *self.help_may)
        )
        return reply.is_ok

    async def help_too_late(self, scene: Scene, round_: Mapping[str, Any]) -> None:
        """Nobody helps in a round that is over."""
        for friend in scene.friends[:1]:
            await friend.ask(HELP, "POST", f"{self.shared(round_)}help/", must=(self.over,))

    async def buy_for(self, scene: Scene, round_: Mapping[str, Any], *, price_fen: int) -> None:
        """Buys a unit at the price that the round's coupon promises; the coupon is good for this order only."""
        buyer, coupons = scene.initiator, [str(round_["coupon_id"])]
        # The round's, not the scene's: a session before, which was killed, may have bought with another round.
        key = f"{scene.key}-{round_[self.id_field]}"
        order = await buyer.order(activity_id=scene.activity_id, key=key)
        if order is None:
            return
        order = await buyer.use_coupons(order, coupons)
        scene.note(Outcome.BOUGHT, order.order_id)
        scene.require(order.amount_fen == price_fen, f"{order.order_id} costs {order.amount_fen}, not {price_fen} fen")
        if scene.happens(ABUSE_SHARE):
            second = await buyer.order(activity_id=scene.activity_id, key=f"{key}-again")
            if second is not None:
                await buyer.use_coupons(second, coupons, must=("coupon_not_usable", "wrong_state"))
                # Done already, where a session before was killed behind it.
                await buyer.ask("cancel", "POST", f"orders/{second.order_id}/cancel/", may=("wrong_state",))
        await buyer.pay(order)
        scene.note(Outcome.PAID, order.order_id)
