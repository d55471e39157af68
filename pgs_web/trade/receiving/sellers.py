"""Who sells an activity: its `play`, asked of the ledger once a process and activity.

It can't change any more once the sale's gate has been open (FIXED_ONCE_APPROVED), so what is known then is known for
good; before that it is asked each time, by all orders that wait for it together.
"""

import asyncio
from collections.abc import Callable

import structlog

from pgs_data.redis.async_ledger import AWAY, AsyncLedger
from pgs_web.api.errors import Unavailable
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.receiving.passages import Passage
from pgs_web.trade.stock.keys import activity_key

MOST_REMEMBERED = 100_000
# Behind an open gate, or past it: approved.
_APPROVED = frozenset({ActivityState.RUNNING.value.encode(), ActivityState.ENDED.value.encode()})

logger = structlog.get_logger(__name__)

Learn = Callable[[Passage, "str | Exception"], None]


class Sellers:
    """Tells each passage the play that sells its activity, "" where the ledger knows none; on one event loop."""

    def __init__(self, ledger: AsyncLedger, *, learn: Learn) -> None:
        """`ledger`: connections that orders don't wait behind. `learn` gets the play, or what to answer with."""
        self._ledger = ledger
        self._learn = learn
        self._known: dict[int, str] = {}
        self._waiting: dict[int, list[Passage]] = {}
        self._questions: set[asyncio.Task[None]] = set()

    def ask(self, passage: Passage) -> None:
        """Sets the passage's play at once where it is known; else `learn` is called."""
        play = self._known.get(passage.request.activity_id)
        if play is not None:
            passage.play = play
            return
        activity_id = passage.request.activity_id
        waiting = self._waiting.get(activity_id)
        if waiting is not None:
            waiting.append(passage)
            return
        self._waiting[activity_id] = [passage]
        question = asyncio.get_running_loop().create_task(self._ask(activity_id, passage.place))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)

    def close(self) -> None:
        """Asks no more."""
        for question in self._questions:
            question.cancel()

    async def _ask(self, activity_id: int, partition: int) -> None:
        answer: str | Exception = Unavailable()
        try:
            answer = await self._read(activity_id, partition)
        except AWAY as error:
            logger.warning("seller_not_read", activity_id=activity_id, error=type(error).__name__)
        finally:
            for passage in self._waiting.pop(activity_id):
                self._learn(passage, answer)

    async def _read(self, activity_id: int, partition: int) -> str:
        key = activity_key(activity_id, partition)
        try:
            play, state = await self._ledger.server_of(partition).ask("HMGET", key, "play", "state")
        except AWAY:
            # A cluster's slots may have moved; one that is merely away says so again.
            await self._ledger.refresh()
            play, state = await self._ledger.server_of(partition).ask("HMGET", key, "play", "state")
        if play is None or state is None:
            return ""
        known: str = play.decode()
        if state in _APPROVED:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[activity_id] = known
        return known
