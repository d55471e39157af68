"""Questions for a database: those that come while a query runs are asked together by the next one, in one thread."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import structlog

from pgs_web.api.errors import OUTAGES, Unavailable
from pgs_web.trade.receiving.threads import Connections, own_connections

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

MOST_A_QUERY = 500
MOST_REMEMBERED = 10_000

logger = structlog.get_logger(__name__)


class Lookup(Generic[Question, Answer]):
    """Never more than one query at a time; on one event loop."""

    def __init__(
        self,
        find: Callable[[Sequence[Question]], Mapping[Question, Answer]],
        *,
        name: str,
        remember_seconds: float = 0.0,
        most_waiting: int = 5_000,
        connections: Connections = own_connections,
    ) -> None:
        """`find` answers every question it is given."""
        self._find = find
        self._name = name
        self._remember_seconds = remember_seconds
        self._most_waiting = most_waiting
        self._connections = connections
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: dict[Question, list[Callable[[Answer | Exception], None]]] = {}
        self._known: dict[Question, tuple[Answer, float]] = {}
        self._task: asyncio.Task[None] | None = None

    def ask(self, question: Question, then: Callable[[Answer | Exception], None]) -> None:
        """Calls `then` with the answer, or with the exception to answer with; at once where it is remembered."""
        known = self._known.get(question)
        if known is not None and time.monotonic() < known[1]:
            then(known[0])
            return
        listeners = self._waiting.get(question)
        if listeners is not None:
            listeners.append(then)
        elif len(self._waiting) >= self._most_waiting:
            then(Unavailable())
        else:
            self._waiting[question] = [then]
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._work())

    def close(self) -> None:
        """Lets the thread end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                questions = list(self._waiting)[:MOST_A_QUERY]
                listeners = {question: self._waiting.pop(question) for question in questions}
                answers = await self._answer(questions)
                for question, calls in listeners.items():
                    for then in calls:
                        then(answers[question])
        finally:
            self._task = None

    async def _answer(self, questions: list[Question]) -> Mapping[Question, Answer | Exception]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._find_afresh, questions)
        except OUTAGES as error:
            logger.warning("store_unavailable", lookup=self._name, error=type(error).__name__, detail=str(error)[:200])
            return dict.fromkeys(questions, Unavailable())
        except Exception as error:
            logger.exception("lookup_failed", lookup=self._name)
            return dict.fromkeys(questions, error)
        if self._remember_seconds:
            if len(self._known) + len(found) > MOST_REMEMBERED:
                self._known.clear()
            until = time.monotonic() + self._remember_seconds
            self._known.update((question, (answer, until)) for question, answer in found.items())
        return found

    def _find_afresh(self, questions: Sequence[Question]) -> Mapping[Question, Answer]:
        with self._connections():
            return self._find(questions)
