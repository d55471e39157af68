"""Batches that form by themselves: while a call to a server is under way, what arrives waits for the next one.

A round is one pipeline: the claims that wait, a script call a home partition, and the admissions that wait, a call an
activity's partition. So an order takes two rounds, and both halves of the traffic share each round's fsync.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

import structlog

from pgs_data.lua.loader import Command
from pgs_data.redis.async_connections import AsyncServer, SlotMoved
from pgs_data.redis.connections import RedisUnavailable
from pgs_web.api.errors import Unavailable
from pgs_web.trade.intake.breaker import Breaker
from pgs_web.trade.intake.scripts import (
    LARGEST_BATCH,
    admit_orders_command,
    claim_keys_command,
    read_admit_replies,
    read_claim_replies,
)
from pgs_web.trade.receiving.passages import Outcome, Passage
from pgs_web.trade.stock.limits import LimitReply, read_limit_replies, reserve_limits_command

# Claims, and admissions, of a round: other processes' calls are served in between.
MOST_A_ROUND = 1_000

logger = structlog.get_logger(__name__)


class Call(NamedTuple):
    """A command of a round, the passages that it is about, and what to do with its reply."""

    partition: int
    command: Command
    passages: list[Passage]
    read: Callable[[list[Passage], Any], None]


class Lane:
    """The queue to one server of the ledger; on one event loop."""

    def __init__(
        self,
        server: AsyncServer,
        *,
        on_claimed: Callable[[Passage, Any], None],
        on_reserved: Callable[[Passage, LimitReply], None],
        on_judged: Callable[[Passage, Any], None],
        on_dropped: Callable[[Passage], None],
        finish: Callable[[Passage, Outcome], None],
        reroute: Callable[[list[Passage]], None],
    ) -> None:
        """`reroute` gets passages whose partition has moved to another server, `on_dropped` those that weren't sent."""
        self.breaker = Breaker()
        self._server = server
        self._on_claimed = on_claimed
        self._on_reserved = on_reserved
        self._on_judged = on_judged
        self._on_dropped = on_dropped
        self._finish = finish
        self._reroute = reroute
        self._claims: deque[Passage] = deque()
        # Units of limits that are counted in another bucket than the one that judges.
        self._reservations: deque[Passage] = deque()
        self._admissions: deque[Passage] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, passage: Passage) -> None:
        """Puts a passage into the queue of what it needs next; refused at once while the server hangs."""
        if not self.breaker.enter():
            self._drop(passage)
            return
        if not passage.is_claimed:
            self._claims.append(passage)
        elif passage.limit_place is not None and not passage.is_reserved:
            self._reservations.append(passage)
        else:
            self._admissions.append(passage)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._claims or self._reservations or self._admissions:
                calls = self._take_calls()
                if calls:
                    await self._run_round(calls)
        finally:
            self._task = None
            self.breaker.give_up_trial()

    def _take_calls(self) -> list[Call]:
        calls: list[Call] = []
        for partition, claims in self._by_partition(self._claims, key=_home_of):
            command = claim_keys_command(partition, [one.claim for one in claims])
            calls.append(Call(partition, command, claims, self._read_claims))
        for partition, reservations in self._by_partition(self._reservations, key=_limit_place_of):
            command = reserve_limits_command(partition, [one.away for one in reservations if one.away is not None])
            calls.append(Call(partition, command, reservations, self._read_reservations))
        for partition, admissions in self._by_partition(self._admissions, key=_place_of):
            command = admit_orders_command(
                partition, [one.admission for one in admissions if one.admission is not None]
            )
            calls.append(Call(partition, command, admissions, self._read_verdicts))
        return calls

    async def _run_round(self, calls: list[Call]) -> None:
        started = time.monotonic()
        try:
            # Claims too: a key that a failover forgets would bring a second order.
            replies = await self._server.call_for_good([one.command for one in calls], partition=calls[0].partition)
        except RedisUnavailable as error:
            self._fail(calls, seconds=time.monotonic() - started, error=error)
            return
        self.breaker.succeed()
        for call, reply in zip(calls, replies, strict=True):
            self._take(call.passages, call.read, reply)

    def _take(self, passages: list[Passage], read: Callable[[list[Passage], Any], None], reply: Any) -> None:
        if isinstance(reply, SlotMoved):
            self._reroute(passages)
        elif isinstance(reply, RedisUnavailable):
            logger.warning("store_unavailable", server=self._server.name, error=str(reply)[:200])
            self._refuse(passages)
            # A node that is cut off from its cluster says so, and its replica may have been promoted.
            self._reroute([])
        else:
            try:
                _refuse_error(reply)
                read(passages, reply)
            except Exception as error:
                # A bug of ours must not leave shoppers waiting, nor stop the lane.
                logger.exception("intake_call_failed")
                for passage in passages:
                    self._finish(passage, error)

    def _read_claims(self, passages: list[Passage], reply: Any) -> None:
        for passage, claimed in zip(passages, read_claim_replies(reply), strict=True):
            self._on_claimed(passage, claimed)

    def _read_reservations(self, passages: list[Passage], reply: Any) -> None:
        for passage, reserved in zip(passages, read_limit_replies(reply), strict=True):
            self._on_reserved(passage, reserved)

    def _read_verdicts(self, passages: list[Passage], reply: Any) -> None:
        for passage, admitted in zip(passages, read_admit_replies(reply), strict=True):
            self._on_judged(passage, admitted)

    def _fail(self, calls: list[Call], *, seconds: float, error: Exception) -> None:
        logger.warning("store_unavailable", server=self._server.name, error=type(error).__name__, seconds=seconds)
        for call in calls:
            self._refuse(call.passages)
        if self.breaker.fail(seconds):
            # They have waited behind this call, and would wait for the next one in vain.
            for waiting in (self._claims, self._reservations, self._admissions):
                for passage in waiting:
                    self._drop(passage)
                waiting.clear()
        # A cluster may have given the partitions to another node.
        self._reroute([])

    def _drop(self, passage: Passage) -> None:
        """Nothing was sent for it."""
        self._finish(passage, Unavailable())
        self._on_dropped(passage)

    def _refuse(self, passages: Iterable[Passage]) -> None:
        for passage in passages:
            self._finish(passage, Unavailable())

    def _by_partition(
        self, waiting: deque[Passage], *, key: Callable[[Passage], int]
    ) -> list[tuple[int, list[Passage]]]:
        """Takes up to MOST_A_ROUND passages, the longest waiting first, in lists of one call each."""
        calls: list[tuple[int, list[Passage]]] = []
        open_calls: dict[int, list[Passage]] = {}
        for _ in range(min(len(waiting), MOST_A_ROUND)):
            passage = waiting.popleft()
            if passage.is_over:
                # Its shopper was told to come back: nothing is done behind their back that can still be left undone.
                self._on_dropped(passage)
                continue
            partition = key(passage)
            call = open_calls.get(partition)
            if call is None or len(call) >= LARGEST_BATCH:
                call = open_calls[partition] = []
                calls.append((partition, call))
            call.append(passage)
        return calls


def _refuse_error(reply: Any) -> None:
    if isinstance(reply, Exception):
        raise reply


_home_of: Callable[[Passage], int] = attrgetter("home")
_place_of: Callable[[Passage], int] = attrgetter("place")
_limit_place_of: Callable[[Passage], int] = attrgetter("limit_place")
