"""Redis on an event loop: a pipeline is one write and one wait, without a thread and without a task a command.

Only what a receiving process needs: calls that may be sent twice (every script of ours may), errors within a second.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import hiredis
import redis
from django.conf import settings
from redis.connection import parse_url

from pgs_data.lua.loader import Command, with_source
from pgs_data.redis.connections import PASSING_WORDS
from pgs_data.redis.replicas import barrier_of, mark_key

# UNBLOCKED: a primary was demoted while a command of ours waited there.
_PASSING = PASSING_WORDS | {"UNBLOCKED"}
_MOVED = frozenset({"MOVED", "ASK"})
_FULL = "ERR max number of clients"


class CommandRefused(Exception):
    """The server answered this command with an error that a repetition will meet again: a bug of ours."""


class SlotMoved(redis.ConnectionError):
    """The node has given the key's slot away; nothing ran."""


class AsyncConnection(asyncio.Protocol):
    """One socket; replies come in the order of the commands."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[int, list[Any], asyncio.Future[list[Any]]]] = deque()
        self._transport: asyncio.Transport | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while waiting:
            wanted, replies, future = waiting[0]
            while len(replies) < wanted:
                reply = reader.gets()
                if reply is False:
                    return
                replies.append(reply)
            waiting.popleft()
            if not future.done():
                future.set_result(replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        for _wanted, _replies, future in self._waiting:
            if not future.done():
                future.set_exception(redis.ConnectionError("Redis closed the connection."))
        self._waiting.clear()

    def send(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """Writes the commands; the replies come together, an error of the server as a value among them."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if not self.is_open or self._transport is None:
            future.set_exception(redis.ConnectionError("The connection to Redis is closed."))
            return future
        self._waiting.append((len(commands), [], future))
        # The stubs know commands of one word only.
        self._transport.write(b"".join([hiredis.pack_command(command) for command in commands]))  # type: ignore[arg-type]
        return future

    def abort(self) -> None:
        """Drops the socket and with it every reply that is still to come."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)


class AsyncServer:
    """One Redis server: connects when it is first asked, and again after a failure."""

    def __init__(self, url: str, *, seconds: float | None = None, host: str = "", port: int = 0) -> None:
        """`host` and `port` replace those of the URL: a cluster's other nodes. `seconds` bounds one call."""
        self._options: dict[str, Any] = dict(parse_url(url.replace("+cluster://", "://")))
        self._is_tls = "rediss" in url.split("://", 1)[0]
        if host:
            self._options |= {"host": host, "port": port}
        self.seconds = seconds or settings.REDIS_SOCKET_TIMEOUT_SECONDS
        self._connection: AsyncConnection | None = None
        self._connecting = asyncio.Lock()
        # time.monotonic() of the last call that got no answer: others are asked first.
        self.failed_at = float("-inf")
        # How often a connection was opened: another number, and another server may have answered than before.
        self.connections = 0

    @property
    def name(self) -> str:
        """Where it is, for logs."""
        return str(self._options.get("path") or f"{self._host}:{self._port}")

    @property
    def address(self) -> tuple[str, int]:
        return self._host, self._port

    async def call(self, commands: Sequence[Command], *, barrier: Sequence[Command] = ()) -> list[Any]:
        """The replies; a command's error is an exception among them: CommandRefused, SlotMoved, RedisUnavailable's.

        Raises redis.ConnectionError or redis.TimeoutError: then any of the commands may have run or not. They are sent
        twice when a connection turns out to be dead, or when the server has forgotten a script. `barrier` goes behind
        them, each time; its replies come last.
        """
        try:
            async with asyncio.timeout(self.seconds):
                replies = await self._send([*commands, *barrier])
                forgotten = [place for place, reply in enumerate(replies) if _word_of(reply) == "NOSCRIPT"]
                if forgotten:
                    again = await self._send([*(with_source(commands[place]) for place in forgotten), *barrier])
                    places = [*forgotten, *range(len(commands), len(replies))]
                    for place, reply in zip(places, again, strict=True):
                        replies[place] = reply
        except TimeoutError as error:
            self.failed_at = time.monotonic()
            self.close()
            raise redis.TimeoutError(f"{self.name} didn't answer within {self.seconds} s.") from error
        except redis.ConnectionError:
            self.failed_at = time.monotonic()
            raise
        for place, reply in enumerate(replies):
            if isinstance(reply, hiredis.ReplyError):
                replies[place] = _error_of(reply)
        return replies

    async def call_for_good(self, commands: Sequence[Command], *, partition: int) -> list[Any]:
        """As `call`, and what they wrote outlives this server: LEDGER_REPLICAS_AWAITED replicas have it.

        `partition`: one that lives here. Raises redis.TimeoutError when too few replicas say so in time: the commands
        have run here, and may be lost or not. Without that setting it is `call`.
        """
        barrier = barrier_of(mark_key(partition))
        if not barrier:
            return await self.call(commands)
        *replies, marked, replicas = await self.call(commands, barrier=barrier)
        if isinstance(marked, Exception) or isinstance(replicas, Exception):
            # The partition has moved away, or the server was demoted in this moment: nothing is sure of what did run.
            unsure = redis.ConnectionError(f"{self.name}: nobody knows how many replicas have it: {marked}, {replicas}")
            return [reply if isinstance(reply, Exception) else unsure for reply in replies]
        if replicas < settings.LEDGER_REPLICAS_AWAITED:
            raise redis.TimeoutError(f"{self.name}: only {replicas} replicas have it.")
        return replies

    async def ask(self, *command: str | bytes | int) -> Any:
        """The reply to one command; raises its error."""
        (reply,) = await self.call([command])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def raise_if_silent(self, *, seconds: float) -> None:
        """Raises redis.ConnectionError when a call has got no answer within the last so many seconds."""
        if time.monotonic() < self.failed_at + seconds:
            raise redis.ConnectionError(f"{self.name} gave no answer a moment ago.")

    def close(self) -> None:
        """Drops the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection is not None and connection.is_open:
            try:
                return await connection.send(commands)
            except redis.ConnectionError:
                # It died while idle, or in this call: the commands may be sent again, and the server may be back.
                self._connection = None
        return await (await self._connect()).send(commands)

    async def _connect(self) -> AsyncConnection:
        async with self._connecting:
            if self._connection is not None and self._connection.is_open:
                return self._connection
            try:
                connection = await self._open()
            except OSError as error:
                raise redis.ConnectionError(f"{self.name}: {error}") from error
            self._connection = connection
            self.connections += 1
            return connection

    async def _open(self) -> AsyncConnection:
        connection = AsyncConnection()
        try:
            await self._greet(connection)
        except BaseException:
            # Also when the call's time is up: nobody else knows of the socket yet.
            connection.abort()
            raise
        return connection

    async def _greet(self, connection: AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        if "path" in self._options:
            await loop.create_unix_connection(lambda: connection, self._options["path"])
        else:
            await loop.create_connection(
                lambda: connection, self._host, self._port, ssl=self._make_context() if self._is_tls else None
            )
        greeting = self._greeting()
        if greeting:
            for reply in await connection.send(greeting):
                if isinstance(reply, hiredis.ReplyError):
                    raise redis.ConnectionError(f"{self.name}: {reply}")

    def _greeting(self) -> list[Command]:
        commands: list[Command] = []
        if self._options.get("password"):
            user = self._options.get("username")
            commands.append(("AUTH", *([user] if user else []), self._options["password"]))
        if self._options.get("db"):
            commands.append(("SELECT", int(self._options["db"])))
        return commands

    def _make_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._options.get("ssl_ca_certs"))
        if self._options.get("ssl_cert_reqs") == "none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @property
    def _host(self) -> str:
        return str(self._options.get("host", "localhost"))

    @property
    def _port(self) -> int:
        return int(self._options.get("port", 6379))


def _word_of(reply: Any) -> str:
    """The word with which an error begins; empty for what is none."""
    return str(reply).split(" ", 1)[0] if isinstance(reply, hiredis.ReplyError) else ""


def _error_of(reply: hiredis.ReplyError) -> Exception:
    word = _word_of(reply)
    if word in _MOVED:
        return SlotMoved(str(reply))
    if word in _PASSING or str(reply).startswith(_FULL):
        return redis.ConnectionError(str(reply))
    return CommandRefused(str(reply))
