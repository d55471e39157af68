"""What a receiving process does between the buckets of a spread activity: it borrows units, and returns limits.

Orders that find their bucket empty together borrow together, one errand at a time: the next one takes those who came
meanwhile. Dying anywhere leaves a loan or a limit that the sweeps of the stock room settle.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from pgs_data.lua.loader import Command
from pgs_data.redis.async_ledger import AWAY, AsyncLedger
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.redis.partitions import bucket_of
from pgs_web.trade.intake.unpaid import UnpaidOrder, forget_unpaid_command
from pgs_web.trade.receiving.passages import Passage
from pgs_web.trade.stock.lending import Borrowed, borrow_units
from pgs_web.trade.stock.limits import AwayOrder, LimitReturn, return_limits_command
from pgs_web.trade.stock.steps import Steps

# Orders that others take the borrowed units away from: so often they borrow anew, then they are told to come back.
MOST_TRIES = 20
# A server that gave no answer isn't asked again for so long.
PAUSE_SECONDS = 0.5

logger = structlog.get_logger(__name__)

Place = tuple[int, int]


class Buckets:
    """On one event loop."""

    def __init__(self, ledger: AsyncLedger, *, learn: Callable[[Passage, Borrowed], None]) -> None:
        """`learn` gets what became of a passage's wish for units."""
        self._ledger = ledger
        self._learn = learn
        self._waiting: dict[Place, list[Passage]] = {}
        self._errands: set[asyncio.Task[None]] = set()

    def borrow(self, passage: Passage) -> None:
        """The passage's bucket hasn't enough for it."""
        activity_id = passage.request.activity_id
        place = activity_id, bucket_of(activity_id, passage.order_id)
        is_first = place not in self._waiting
        self._waiting.setdefault(place, []).append(passage)
        if is_first:
            self._start(self._work(place))

    def return_limit(self, partition: int, away: AwayOrder) -> None:
        """This attempt of an order, which took units of its member's limit, was refused."""
        self._start(self._return(partition, away))

    def forget_unpaid(self, partition: int, order: UnpaidOrder) -> None:
        """This order isn't one of those that its member has not paid, or this attempt of it isn't."""
        self._start(self._forget(partition, order))

    def close(self) -> None:
        """Stops; what was under way is settled by the sweeps."""
        for errand in self._errands:
            errand.cancel()

    def _start(self, errand: Any) -> None:
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _work(self, place: Place) -> None:
        activity_id, bucket = place
        while passages := self._waiting[place]:
            self._waiting[place] = []
            # "Sold out" is said for one quantity: what is too little for three may be enough for one.
            for quantity, wishing in sorted(_by_quantity(passages).items()):
                try:
                    borrowed = await self._run(
                        borrow_units(activity_id, borrower=bucket, quantity=quantity, orders=len(wishing))
                    )
                except AWAY as error:
                    logger.warning("units_not_borrowed", activity_id=activity_id, error=type(error).__name__)
                    borrowed = Borrowed.UNSURE
                except Exception:
                    # A bug of ours must not leave shoppers waiting, nor stop the errands of this bucket.
                    logger.exception("borrowing_failed", activity_id=activity_id)
                    borrowed = Borrowed.UNSURE
                for passage in wishing:
                    self._tell(passage, borrowed)
        del self._waiting[place]

    def _tell(self, passage: Passage, borrowed: Borrowed) -> None:
        passage.borrowings += 1
        self._learn(passage, borrowed if passage.borrowings < MOST_TRIES else Borrowed.UNSURE)

    async def _return(self, partition: int, away: AwayOrder) -> None:
        refused = LimitReturn(away.activity_id, away.order_id, away.attempt)
        try:
            await self._ask(partition, return_limits_command(partition, [refused]))
        except AWAY as error:
            logger.warning("limit_not_returned", order_id=away.order_id, error=type(error).__name__)

    async def _forget(self, partition: int, order: UnpaidOrder) -> None:
        try:
            await self._ask(partition, forget_unpaid_command(partition, [order]))
        except AWAY as error:
            logger.warning("unpaid_not_forgotten", order_id=order.order_id, error=type(error).__name__)

    async def _run(self, steps: Steps[Borrowed]) -> Borrowed:
        """As run_steps, without blocking."""
        reply: Any = None
        outage: Exception | None = None
        while True:
            try:
                partition, command = steps.send(reply) if outage is None else steps.throw(outage)
            except StopIteration as end:
                result: Borrowed = end.value
                return result
            reply, outage = None, None
            try:
                reply = await self._ask(partition, command)
            except RedisUnavailable as error:
                outage = error

    async def _ask(self, partition: int, command: Command) -> Any:
        """The reply, once the awaited replicas have what it changed; the next step may rely on it."""
        server = self._ledger.server_of(partition)
        # Others wait in this errand for what the other buckets can lend.
        server.raise_if_silent(seconds=PAUSE_SECONDS)
        try:
            (reply,) = await server.call_for_good([command], partition=partition)
            if isinstance(reply, Exception):
                raise reply
        except RedisUnavailable:
            # A cluster may have given the partition to another node, which only borrowers ask there.
            await self._ledger.refresh()
            raise
        return reply


def _by_quantity(passages: list[Passage]) -> dict[int, list[Passage]]:
    wishes: dict[int, list[Passage]] = {}
    for passage in passages:
        wishes.setdefault(passage.request.quantity, []).append(passage)
    return wishes
