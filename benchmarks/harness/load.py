"""Requests at a fixed rate over kept-alive connections, whatever the server does: an open loop.

A closed loop (the next request after the last answer) slows down with the server and hides what its shoppers wait. Here
each request has a time at which it is due; its latency counts from then, also when no connection was free for it.
"""

import array
import asyncio
import contextlib
import gc
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
END_OF_HEAD = b"\r\n\r\n"
TICK_SECONDS = 0.001
# No answer at all: the connection broke, or the time was over.
NO_ANSWER = 0

# Number of a request → its bytes, complete; called a moment before it is due.
MakeRequest = Callable[[int], bytes]
# (number, status, body) of each answer.
OnAnswer = Callable[[int, int, bytes], None]


@dataclass
class Load:
    """What came of it. `seconds` of each answered request, from when it was due; `late` how late each was sent."""

    rate: float
    lasted: float = 0.0
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: "array.array[float]" = field(default_factory=lambda: array.array("d"))
    late: "array.array[float]" = field(default_factory=lambda: array.array("d"))

    @property
    def answers_a_second(self) -> float:
        return len(self.seconds) / self.lasted if self.lasted else 0.0


def drive(
    base_url: str,
    *,
    rate: float,
    seconds: float,
    make_request: MakeRequest,
    on_answer: OnAnswer | None = None,
    connections: int = 256,
    patience_seconds: float = 5.0,
    beside: Callable[[], object] | None = None,
) -> Load:
    """Sends `rate` requests a second for so long; then waits `patience_seconds` for what is still unanswered.

    `beside` is called once a second meanwhile, and has to be quick. Raises OSError when nobody listens at `base_url`.
    """
    driver = _Driver(base_url, rate, seconds, make_request, on_answer, connections, patience_seconds, beside)
    # Else the collector looks through all shoppers, which stops the load for 90 ms, and what was due comes at once.
    gc.freeze()
    try:
        return uvloop.run(driver.run())
    finally:
        gc.unfreeze()


class _Driver:
    def __init__(
        self,
        base_url: str,
        rate: float,
        seconds: float,
        make_request: MakeRequest,
        on_answer: OnAnswer | None,
        connections: int,
        patience_seconds: float,
        beside: Callable[[], object] | None,
    ) -> None:
        address = urlsplit(base_url)
        self.host, self.port = address.hostname or "127.0.0.1", address.port or 80
        self.rate = rate
        self.seconds = seconds
        self.make_request = make_request
        self.on_answer = on_answer
        self.connections = connections
        self.patience_seconds = patience_seconds
        self.beside = beside
        self.load = Load(rate)
        self.free: deque[_Connection] = deque()
        self.busy = 0
        self.start = 0.0
        self.is_over = False
        self.wanted = int(rate * seconds)
        self.last_answer = 0.0
        self.reconnecting: set[asyncio.Future[None]] = set()

    async def run(self) -> Load:
        self.loop = asyncio.get_running_loop()
        self.all_answered = asyncio.Event()
        await asyncio.gather(*(self.connect() for _ in range(self.connections)))
        self.start = self.loop.time()
        watching = asyncio.create_task(self._call_beside())
        await self._send_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience_seconds):
                await self.all_answered.wait()
        self.is_over = True
        watching.cancel()
        self.load.lasted = self.loop.time() - self.start if self.busy else max(self.seconds, self.last_answer)
        self.load.statuses[NO_ANSWER] += self.busy
        for connection in self.free:
            connection.transport.close()
        return self.load

    async def connect(self) -> None:
        """One more connection, free at once."""
        _transport, connection = await self.loop.create_connection(lambda: _Connection(self), self.host, self.port)
        self.free.append(connection)

    async def _send_all(self) -> None:
        wanted, load = self.wanted, self.load
        while load.sent < wanted:
            now = self.loop.time() - self.start
            due = min(int(now * self.rate) + 1, wanted)
            while load.sent < due and self.free:
                number = load.sent
                load.sent += 1
                self.busy += 1
                due_at = number / self.rate
                self.free.popleft().send(number, due_at, self.make_request(number))
                load.late.append(max(0.0, now - due_at))
            await asyncio.sleep(TICK_SECONDS)

    async def _call_beside(self) -> None:
        while self.beside is not None:
            self.beside()
            await asyncio.sleep(1)

    def answered(self, connection: "_Connection", status: int, body: bytes) -> None:
        """Called by a connection whose request has its answer."""
        self.last_answer = self.loop.time() - self.start
        self.load.seconds.append(self.last_answer - connection.due_at)
        self.load.statuses[status] += 1
        self._one_less()
        if self.on_answer is not None:
            self.on_answer(connection.number, status, body)
        if not connection.is_closing:
            self.free.append(connection)

    def broken(self, connection: "_Connection") -> None:
        """Called by a connection that the server closed."""
        if connection.is_busy:
            self.load.statuses[NO_ANSWER] += 1
            self._one_less()
        elif connection in self.free:
            self.free.remove(connection)
        if not self.is_over:
            # The loop itself keeps no task alive.
            task = asyncio.ensure_future(self._reconnect())
            self.reconnecting.add(task)
            task.add_done_callback(self.reconnecting.discard)

    def _one_less(self) -> None:
        self.busy -= 1
        if self.busy == 0 and self.load.sent == self.wanted:
            self.all_answered.set()

    async def _reconnect(self) -> None:
        while not self.is_over:
            try:
                await self.connect()
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return


class _Connection(asyncio.Protocol):
    """One request at a time."""

    transport: asyncio.Transport

    def __init__(self, driver: _Driver) -> None:
        self.driver = driver
        self.number = 0
        self.due_at = 0.0
        self.is_busy = False
        self.is_closing = False
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, number: int, due_at: float, request: bytes) -> None:
        self.number, self.due_at, self.is_busy = number, due_at, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(END_OF_HEAD)
        if end < 0:
            self._received = received
            return
        head = received[:end]
        length = LENGTH.search(head)
        body_at = end + len(END_OF_HEAD)
        # An answer without a length ends with its connection: connection_lost counts it as none.
        if length is None or len(received) < body_at + int(length[1]):
            self._received = received
            return
        self._received = b""
        self.is_busy = False
        self.is_closing = b"\r\nconnection: close" in head.lower()
        self.driver.answered(self, int(head[9:12]), received[body_at : body_at + int(length[1])])

    def connection_lost(self, error: Exception | None) -> None:
        self.driver.broken(self)
