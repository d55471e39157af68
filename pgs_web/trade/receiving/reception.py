"""A receiving process's own state: who is signed in, what waits, and the threads that keep its knowledge fresh."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from prometheus_client import Counter as CounterMetric
from rest_framework.exceptions import NotAuthenticated

from pgs_data.ids.at_once import ReadyIds
from pgs_data.ids.errors import IdSourceUnavailable
from pgs_data.redis.connections import ledger
from pgs_web.api.errors import OUTAGES, Refusal, Unavailable
from pgs_web.member.ended_sessions import EndedSessionsMirror, find_ended_sessions
from pgs_web.member.known_tokens import KnownTokens
from pgs_web.member.tokens import TokenClaims
from pgs_web.trade.intake.errors import SoldOut
from pgs_web.trade.intake.keys import READERS_KEY
from pgs_web.trade.intake.services import OrderRequest
from pgs_web.trade.receiving.desk import Desk
from pgs_web.trade.receiving.lookups import Lookup
from pgs_web.trade.receiving.passages import Outcome
from pgs_web.trade.receiving.threads import Connections, own_connections
from pgs_web.trade.receiving.turns import MemberTurns

MIRROR_SECONDS = 0.5
IDS_SECONDS = 3.0
COUNT_SECONDS = 0.5
ACKNOWLEDGE_SECONDS = 1.0
READER_KEPT_SECONDS = 60.0
# The process serves without what isn't there by then, and says 503 where it needs it.
START_SECONDS = 2.0
# An older mirror isn't believed: the cache Redis is away, and the database is asked instead.
OLDEST_MIRROR_SECONDS = 3.0

answers_counted = CounterMetric("pgs_receiving_answers_total", "Answers to orders by status.", ["status"])
PASSING: tuple[type[Exception], ...] = (*OUTAGES, IdSourceUnavailable)
_SOLD_OUT = SoldOut()
logger = structlog.get_logger(__name__)


class Keeper:
    """A thread that repeats an act; an outage is logged, and the act tried again next time."""

    def __init__(self, act: Callable[[], None], *, every: float, name: str, connections: Connections) -> None:
        self._act = act
        self._every = every
        self._name = name
        self._connections = connections
        self._end = threading.Event()
        self.first_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Lets it end; it isn't waited for."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with self._connections():
                    self._act()
                self.first_done.set()
            except PASSING as error:
                logger.warning("receiving_keeper_waits", keeper=self._name, error=type(error).__name__)
            except Exception:
                logger.exception("receiving_keeper_failed", keeper=self._name)
            self._end.wait(self._every if self.first_done.is_set() else min(self._every, MIRROR_SECONDS))


class Reception:
    """Starts with the server's lifespan, or with the first order where the server has none."""

    def __init__(self, *, connections: Connections = own_connections) -> None:
        self._connections = connections
        self._ids = ReadyIds()
        self._tokens = KnownTokens()
        self._mirror = EndedSessionsMirror()
        self._turns = MemberTurns(a_second=settings.INTAKE_MEMBER_ORDERS_A_SECOND, burst=settings.INTAKE_MEMBER_BURST)
        # Of this process among all receiving ones.
        self.name = f"{socket.gethostname()}:{os.getpid()}:{id(self):x}"
        self._swept_at = 0.0
        self._counts: dict[int, int] = {}
        self._keepers: list[Keeper] = []
        self._starting: asyncio.Task[None] | None = None
        # None until it has started.
        self.desk: Desk | None = None

    async def start(self) -> None:
        """Returns when the process knows what it needs, or after two seconds at the latest."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
        await asyncio.shield(self._starting)

    async def close(self) -> None:
        """After the last answer."""
        for keeper in self._keepers:
            keeper.stop()
        if self.desk is not None:
            self.desk.close()
            self._sessions.close()
            self._next_count.cancel()
        self._write_counts()

    def sign_in(self, header: bytes | None) -> TokenClaims:
        """Whose token it is; raises a Refusal: 401."""
        if header is None:
            raise Refusal(
                NotAuthenticated.default_detail,
                code=NotAuthenticated.default_code,
                status=NotAuthenticated.status_code,
            )
        claims = self._tokens.read(header)
        if claims is None or self._mirror.has_ended(claims):
            raise _refusal()
        return claims

    def take(self, request: OrderRequest, claims: TokenClaims) -> SoldOut | Awaitable[Outcome]:
        """What becomes of the order, at once where memory knows it. Raises Unavailable and TooManyRequests.

        What is awaited raises these, too, and a Refusal when the session has ended.
        """
        self._turns.take(claims.member_id)
        desk = self.desk
        if desk is None:
            return self._start_and_take(request, claims)
        if desk.sold_out.refuses(request):
            return _SOLD_OUT
        if self._mirror.age_seconds > OLDEST_MIRROR_SECONDS:
            return self._ask_and_take(desk, request, claims)
        return desk.take(request)

    def count(self, status: int) -> None:
        """For /metrics, twice a second in one go: a counter of several processes costs more than the answer's text."""
        self._counts[status] = self._counts.get(status, 0) + 1

    async def _start_and_take(self, request: OrderRequest, claims: TokenClaims) -> Outcome:
        await self.start()
        assert self.desk is not None
        if self._mirror.age_seconds > OLDEST_MIRROR_SECONDS:
            return await self._ask_and_take(self.desk, request, claims)
        return await self.desk.take(request)

    async def _ask_and_take(self, desk: Desk, request: OrderRequest, claims: TokenClaims) -> Outcome:
        """The database may hang for as long as it likes: the question's time is part of the order's."""
        started = time.monotonic()
        with desk.hold_place():
            try:
                async with asyncio.timeout(desk.answer_seconds):
                    has_ended = await self._has_ended(claims)
            except TimeoutError as error:
                raise Unavailable() from error
        if has_ended:
            raise _refusal()
        return await desk.take(request, started=started)

    async def _start(self) -> None:
        self.desk = Desk(ids=self._ids, connections=self._connections)
        self.desk.start()
        self._sessions = Lookup(find_ended_sessions, name="ended_sessions", connections=self._connections)
        self._keepers = [
            Keeper(act, every=every, name=name, connections=self._connections)
            for act, every, name in (
                (self._ids.renew, IDS_SECONDS, "machine_number"),
                (self._mirror.refresh, MIRROR_SECONDS, "ended_sessions"),
                (self._acknowledge, ACKNOWLEDGE_SECONDS, "acknowledge_news"),
            )
        ]
        for keeper in self._keepers:
            keeper.start()
        self._write_counts_now_and_then()
        await asyncio.to_thread(self._wait_for_keepers)

    def _wait_for_keepers(self) -> None:
        for keeper in self._keepers:
            keeper.first_done.wait(START_SECONDS / len(self._keepers))

    def _acknowledge(self) -> None:
        """Says what of the news this process has read; and forgets processes that said nothing for a minute."""
        assert self.desk is not None
        now = time.time()
        said = {"at": round(now, 3), "read": self.desk.sold_out.news.positions(), "spread": settings.LEDGER_SPREAD}
        ledger().hset(READERS_KEY, self.name, json.dumps(said))
        if now >= self._swept_at + READER_KEPT_SECONDS:
            self._swept_at = now
            for name, text in ledger().hgetall(READERS_KEY).items():
                if json.loads(text)["at"] < now - READER_KEPT_SECONDS:
                    ledger().hdel(READERS_KEY, name)

    async def _has_ended(self, claims: TokenClaims) -> bool:
        answer: asyncio.Future[bool | Exception] = asyncio.get_running_loop().create_future()

        def learn(ended: bool | Exception) -> None:
            if not answer.done():
                answer.set_result(ended)

        self._sessions.ask(claims, learn)
        ended = await answer
        if isinstance(ended, Exception):
            raise ended
        return ended

    def _write_counts_now_and_then(self) -> None:
        self._write_counts()
        self._next_count = asyncio.get_running_loop().call_later(COUNT_SECONDS, self._write_counts_now_and_then)

    def _write_counts(self) -> None:
        for status, number in self._counts.items():
            answers_counted.labels(str(status)).inc(number)
        self._counts.clear()


def _refusal() -> Refusal:
    return Refusal(
        _("The access token is broken or has expired. Refresh it or sign in again."),
        code="token_not_valid",
        status=HTTPStatus.UNAUTHORIZED,
    )
