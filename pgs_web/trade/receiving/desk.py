"""Where orders wait in a receiving process: bounded in number and time, without a database, without a blocking call."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile

import structlog
from django.conf import settings

from pgs_data.ids.at_once import ReadyIds
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.redis.async_connections import AsyncServer
from pgs_data.redis.async_ledger import AsyncLedger
from pgs_data.redis.partitions import partition_within
from pgs_data.sharding.slots import slot_of_id, slot_of_key
from pgs_web.api.errors import NotFound, Refusal, Unavailable
from pgs_web.display.activity.rules import STANDARD_PLAY
from pgs_web.trade.intake.errors import KeyReused, LimitExceeded, SoldOut, TooManyUnpaid
from pgs_web.trade.intake.messages import AdmitReply, Admitted, Claimed, ClaimReply
from pgs_web.trade.intake.passes import judge_entry
from pgs_web.trade.intake.services import (
    BACKLOG_SECONDS,
    REFUSALS,
    OrderRequest,
    PlacedOrder,
    describe_outcome,
    make_admission,
    make_claim,
)
from pgs_web.trade.intake.unpaid import UnpaidFate, UnpaidOrder, are_counted, own_pay_within_ms
from pgs_web.trade.receiving.buckets import Buckets
from pgs_web.trade.receiving.lanes import Lane
from pgs_web.trade.receiving.lookups import Lookup
from pgs_web.trade.receiving.owners import AddressOwners
from pgs_web.trade.receiving.passages import Outcome, Passage
from pgs_web.trade.receiving.sellers import Sellers
from pgs_web.trade.receiving.sold_out import SoldOutMemory
from pgs_web.trade.receiving.threads import Connections, own_connections
from pgs_web.trade.receiving.unknown import find_holds, find_owners, judge_unknown_activities, judge_unknown_groups
from pgs_web.trade.stock.holds import Hold, HoldState
from pgs_web.trade.stock.lending import Borrowed
from pgs_web.trade.stock.limits import LimitReply, find_limit_place, make_away_order

# How often it is looked whose time is up.
SWEEP_SECONDS = 0.025
# For how long "there is no such activity" is believed.
UNKNOWN_SECONDS = 1.0
# An order whose units went back takes nothing of its member's limit, whoever sends it again.
_GONE = frozenset({HoldState.GIVEN_BACK, HoldState.REJECTED})

logger = structlog.get_logger(__name__)


class Desk:
    """Takes orders and has them admitted; one a process, on its event loop."""

    def __init__(self, *, ids: ReadyIds, connections: Connections = own_connections) -> None:
        self.waiting = 0
        self._ids = ids
        self._most_waiting: int = settings.INTAKE_MAX_WAITING
        self.answer_seconds: float = settings.INTAKE_ANSWER_SECONDS
        self._partitions: int = settings.LEDGER_PARTITIONS
        self._pins: dict[int, int] = settings.LEDGER_PINS
        self._spread: dict[int, int] = settings.LEDGER_SPREAD
        self._counts_unpaid = are_counted()
        self._ledger = AsyncLedger()
        self._lanes: dict[AsyncServer, Lane] = {}
        self._buckets = Buckets(self._ledger, learn=self._learn_borrowed)
        # Not behind the orders' pipelines: what is new has to be known also when they are long.
        self._watching = AsyncLedger()
        self.sold_out = SoldOutMemory(self._watching)
        self._sellers = Sellers(self._watching, learn=self._learn_seller)
        self._line: deque[Passage] = deque()
        self._is_sweeping = False
        self._errands: set[asyncio.Task[None]] = set()
        self._owner_rows = Lookup(find_owners, name="address_owners", connections=connections)
        self._owners = AddressOwners(self._owner_rows, learn=self._learn_owner)
        self._activities = Lookup(
            judge_unknown_activities,
            name="unknown_activities",
            remember_seconds=UNKNOWN_SECONDS,
            connections=connections,
        )
        self._groups = Lookup(
            judge_unknown_groups, name="unknown_groups", remember_seconds=UNKNOWN_SECONDS, connections=connections
        )
        self._holds = Lookup(find_holds, name="holds", connections=connections)

    def start(self) -> None:
        """Begins to listen to what changes in the sales."""
        self.sold_out.news.start()

    @contextmanager
    def hold_place(self) -> Iterator[None]:
        """Around what an order waits for before it is taken: it counts among the waiting. Raises Unavailable."""
        if self.waiting >= self._most_waiting:
            raise Unavailable()
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def take(self, request: OrderRequest, *, started: float | None = None) -> "asyncio.Future[Outcome]":
        """The future of the order's outcome: it is on disk when that is a PlacedOrder. Raises Unavailable.

        Unavailable as an outcome: the order may be in or not, and the same request again brings the truth. `started`
        (time.monotonic()): since when it waits, if not since now.
        """
        if self.waiting >= self._most_waiting:
            raise Unavailable()
        home, place, limit_place = self._partition_of(request.member_id), self._partition_of(request.activity_id), None
        bucket, spread = 0, self._spread.get(request.activity_id, 1) if self._spread else 1
        if spread > 1:
            # A group is where its leader is, and who joins it buys there.
            bucket = (request.group_id or request.member_id) % spread
            place = partition_within(request.activity_id, bucket)
            limit_place = find_limit_place(request.activity_id, member_id=request.member_id, part_id=bucket)
        first = self._lane_of(home)
        if first.breaker.is_closed() or self._lane_of(place).breaker.is_closed():
            raise Unavailable()
        try:
            proposed = self._ids.new_id(slot_of_key(request.member_id), residue=bucket, modulus=spread)
        except IdSourceUnavailable as error:
            raise Unavailable() from error
        loop = asyncio.get_running_loop()
        passage = Passage(request, make_claim(request, proposed), loop.create_future(), home, place)
        passage.limit_place = limit_place
        self.waiting += 1
        if started is None:
            self._line.append(passage)
        else:
            passage.started = started
            # Near the end: all who come this way have waited about as long.
            newer = takewhile(lambda other: other.started > started, reversed(self._line))
            self._line.insert(len(self._line) - sum(1 for _ in newer), passage)
        if not self._is_sweeping:
            self._is_sweeping = True
            loop.call_later(SWEEP_SECONDS, self._sweep)
        first.add(passage)
        # Beside the claim: the body, address included, is what the key is bound to, whatever the address is.
        self._owners.ask(passage)
        self._sellers.ask(passage)
        return passage.answer

    def close(self) -> None:
        """Drops connections and threads; whoever still waits is told to come back."""
        for passage in self._line:
            self._finish(passage, Unavailable())
        self.sold_out.close()
        self._sellers.close()
        self._buckets.close()
        self._ledger.close()
        self._watching.close()
        self._owners.close()
        for lookup in (self._owner_rows, self._activities, self._groups, self._holds):
            lookup.close()

    def _partition_of(self, key: int) -> int:
        # As partition_of does, which reads the settings each time.
        pinned = self._pins.get(key) if self._pins else None
        return key % self._partitions if pinned is None else pinned

    def _lane_of(self, partition: int) -> Lane:
        server = self._ledger.server_of(partition)
        lane = self._lanes.get(server)
        if lane is None:
            lane = self._lanes[server] = Lane(
                server,
                on_claimed=self._learn_claim,
                on_reserved=self._learn_reserved,
                on_judged=self._learn_verdict,
                on_dropped=self._give_limit_back,
                finish=self._finish,
                reroute=self._reroute,
            )
        return lane

    def _learn_claim(self, passage: Passage, claimed: Claimed) -> None:
        if claimed.reply is ClaimReply.REUSED:
            self._finish(passage, KeyReused())
            return
        if claimed.reply is ClaimReply.TOO_MANY:
            self._finish(passage, TooManyUnpaid())
            return
        passage.order_id = claimed.order_id
        passage.pay_within_ms = own_pay_within_ms(claimed.strikes) if claimed.strikes else 0
        if claimed.is_old:
            # The script looks under short ids only, and admits under no others: what it can't see is asked for here.
            self._holds.ask((passage.request.activity_id, passage.order_id), partial(self._replay_or_go_on, passage))
            return
        passage.is_claimed = True
        self._go_on(passage)

    def _replay_or_go_on(self, passage: Passage, hold: Hold | Exception | None) -> None:
        passage.is_claimed = True
        if hold is None:
            self._go_on(passage)
        else:
            self._replay_or_refuse(passage, hold)

    def _learn_owner(self, passage: Passage, owner: int | Exception) -> None:
        if isinstance(owner, Exception):
            self._finish(passage, owner)
            return
        passage.owner = owner
        self._go_on(passage)

    def _learn_seller(self, passage: Passage, play: str | Exception) -> None:
        if isinstance(play, Exception):
            self._finish(passage, play)
            return
        passage.play = play
        self._go_on(passage)

    def _go_on(self, passage: Passage) -> None:
        """To the admission, once the key is claimed, and address and seller known. Dying here leaves a claim for the
        retry."""
        if not passage.is_claimed or passage.owner is None or passage.play is None or passage.is_over:
            return
        request = passage.request
        question = request.activity_id, passage.order_id
        if passage.owner != request.member_id:
            self._holds.ask(question, partial(self._replay_or_refuse, passage))
            return
        if not passage.play:
            # No facts: the script would say so, unless somebody loads them in this moment, and it knows no passes.
            self._holds.ask(question, partial(self._replay_or_say_why, passage, LimitReply.MISSING))
            return
        refusal = judge_entry(request, play=passage.play)
        if refusal is not None:
            self._holds.ask(question, partial(self._replay_or_refuse, passage, otherwise=refusal))
            return
        try:
            open_group_id = self._new_group_id(passage) if request.opens_group else None
        except IdSourceUnavailable:
            self._finish(passage, Unavailable())
            return
        passage.admission = make_admission(
            request,
            order_id=passage.order_id,
            open_group_id=open_group_id,
            pay_within_ms=passage.pay_within_ms,
            by_pass=passage.play != STANDARD_PLAY,
        )
        if passage.limit_place is not None:
            passage.away = make_away_order(
                request.activity_id,
                order_id=passage.order_id,
                member_id=request.member_id,
                quantity=request.quantity,
            )
        self._lane_of(self._next_place(passage)).add(passage)

    def _new_group_id(self, passage: Passage) -> int:
        spread = self._spread.get(passage.request.activity_id, 1)
        # In the bucket of its leader: the order's id is there, too.
        return self._ids.new_id(slot_of_id(passage.order_id), residue=passage.order_id % spread, modulus=spread)

    def _next_place(self, passage: Passage) -> int:
        if not passage.is_claimed:
            return passage.home
        if passage.limit_place is not None and not passage.is_reserved:
            return passage.limit_place
        return passage.place

    def _learn_reserved(self, passage: Passage, reply: LimitReply) -> None:
        """The member's limit was counted elsewhere. Dying from here on leaves it to sweep_limits."""
        if reply is LimitReply.RESERVED:
            passage.is_reserved = True
            self._lane_of(passage.place).add(passage)
            return
        # Unless it is the repetition of an order that is in, or whose units went back.
        question = passage.request.activity_id, passage.order_id
        self._holds.ask(question, partial(self._replay_or_say_why, passage, reply))

    def _replay_or_say_why(self, passage: Passage, reply: LimitReply, hold: Hold | Exception | None) -> None:
        if hold is None and reply is LimitReply.MISSING:
            self._activities.ask(passage.request.activity_id, partial(self._refuse, passage))
        else:
            self._replay_or_refuse(passage, LimitExceeded() if hold is None else hold)

    def _give_limit_back(self, passage: Passage) -> None:
        """This attempt was refused; whoever sent the same order once more has an attempt of their own."""
        if passage.is_reserved and passage.limit_place is not None and passage.away is not None:
            passage.is_reserved = False
            self._buckets.return_limit(passage.limit_place, passage.away)

    def _replay_or_refuse(
        self, passage: Passage, hold: Hold | Exception | None, *, otherwise: type[Refusal] = NotFound
    ) -> None:
        """An order placed before its address was removed, or its pass had run out, is answered as it was then."""
        if isinstance(hold, Hold):
            self._finish(passage, describe_outcome(passage.order_id, hold))
        else:
            self._finish(passage, hold if isinstance(hold, Exception) else otherwise())

    def _learn_verdict(self, passage: Passage, verdict: Admitted) -> None:
        request = passage.request
        if verdict.reply is AdmitReply.SOLD_OUT and request.activity_id in self._spread:
            # Only this bucket is: it may borrow from the others. What the member took of the limit stays taken.
            self._buckets.borrow(passage)
            return
        if verdict.hold is None or verdict.hold.state in _GONE:
            self._give_limit_back(passage)
        if verdict.hold is not None:
            self._finish(passage, describe_outcome(passage.order_id, verdict.hold))
        elif verdict.reply is AdmitReply.UNKNOWN_ACTIVITY:
            self._activities.ask(request.activity_id, partial(self._refuse, passage))
        elif verdict.reply is AdmitReply.UNKNOWN_GROUP:
            self._groups.ask((request.group_id or 0, request.activity_id), partial(self._refuse, passage))
        elif verdict.reply is AdmitReply.OTHER_SPREAD:
            logger.error("other_ledger_spread", activity_id=request.activity_id)
            self._finish(passage, Unavailable())
        elif verdict.reply is AdmitReply.BACKLOG:
            self._finish(passage, Unavailable(retry_after=BACKLOG_SECONDS))
        else:
            if verdict.reply is AdmitReply.SOLD_OUT:
                self.sold_out.suspect(request.activity_id)
            self._finish(passage, REFUSALS[verdict.reply]())

    def _learn_borrowed(self, passage: Passage, borrowed: Borrowed) -> None:
        if borrowed is Borrowed.JUDGE_AGAIN and not passage.is_over:
            self._lane_of(passage.place).add(passage)
            return
        self._give_limit_back(passage)
        if borrowed is Borrowed.SOLD_OUT:
            self.sold_out.suspect(passage.request.activity_id)
        self._finish(passage, SoldOut() if borrowed is Borrowed.SOLD_OUT else Unavailable())

    def _refuse(self, passage: Passage, refusal: type[Refusal] | Exception) -> None:
        self._finish(passage, refusal if isinstance(refusal, Exception) else refusal())

    def _finish(self, passage: Passage, outcome: Outcome) -> None:
        if passage.is_over:
            return
        passage.is_over = True
        self.waiting -= 1
        if self._counts_unpaid and passage.is_claimed:
            self._forget_unpaid(passage, outcome)
        # Cancelled when the server gave up on the request.
        if not passage.answer.done():
            passage.answer.set_result(outcome)

    def _forget_unpaid(self, passage: Passage, outcome: Outcome) -> None:
        """The claim has counted it as unpaid. What nobody knows the outcome of is left to sweep_unpaid."""
        if isinstance(outcome, PlacedOrder):
            if outcome.hold.state is HoldState.LOCKED:
                return
            fate = UnpaidFate.GONE
        elif isinstance(outcome, Refusal) and not isinstance(outcome, Unavailable):
            fate = UnpaidFate.REFUSED
        else:
            return
        self._buckets.forget_unpaid(passage.home, UnpaidOrder(passage.request.member_id, passage.order_id, fate))

    def _sweep(self) -> None:
        """Answers those whose time is up; they stand in line by arrival."""
        line, overdue = self._line, time.monotonic() - self.answer_seconds
        while line and (line[0].is_over or line[0].started <= overdue):
            self._finish(line.popleft(), Unavailable())
        self._is_sweeping = bool(line)
        if line:
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _reroute(self, passages: list[Passage]) -> None:
        """In a cluster: learns who has which slots now, then puts the passages into the right lanes."""
        if not self._ledger.is_cluster:
            self._refuse_all(passages)
            return
        errand = asyncio.get_running_loop().create_task(self._follow(passages))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _follow(self, passages: list[Passage]) -> None:
        await self._ledger.refresh()
        # While slots are on their way the map says nothing new: not a busy loop.
        await asyncio.sleep(0.01)
        for passage in passages:
            self._lane_of(self._next_place(passage)).add(passage)

    def _refuse_all(self, passages: list[Passage]) -> None:
        for passage in passages:
            self._finish(passage, Unavailable())
