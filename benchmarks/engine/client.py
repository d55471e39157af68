"""Sends commands that were made and packed beforehand, and keeps what is answered: as little client as there can be."""

import gc
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import hiredis

Command = tuple[str | bytes | int, ...]
CONNECTIONS = 4
READ_BYTES = 1 << 18


@dataclass(frozen=True)
class Answers:
    """The answers in any order, and how long all took."""

    values: list[Any]
    seconds: float


def send_all(port: int, commands: Sequence[Command], *, at_once: int, connections: int = CONNECTIONS) -> Answers:
    """Sends everything over a few connections, `at_once` commands in one write; raises RuntimeError for an error.

    A connection sends its next write when the one before is answered, so `at_once` × connections wait at most.
    """
    writes = deque(
        (
            b"".join(hiredis.pack_command(cast(Any, command)) for command in commands[start : start + at_once]),
            len(commands[start : start + at_once]),
        )
        for start in range(0, len(commands), at_once)
    )
    # Nobody collects garbage meanwhile: 200,000 orders that were made beforehand are no garbage.
    gc.freeze()
    with selectors.DefaultSelector() as selector:
        answers: list[Any] = []
        began = time.perf_counter()
        for _ in range(min(connections, len(writes))):
            selector.register(_connect(port), selectors.EVENT_READ, [hiredis.Reader(), 0])
        for key in list(selector.get_map().values()):
            _send_next(key, writes)
        while selector.get_map():
            for key, _events in selector.select():
                _receive(selector, key, writes, answers)
        seconds = time.perf_counter() - began
    gc.unfreeze()
    failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if failed is not None:
        raise RuntimeError(str(failed))
    return Answers(answers, seconds)


def _receive(
    selector: selectors.BaseSelector,
    key: selectors.SelectorKey,
    writes: "deque[tuple[bytes, int]]",
    answers: list[Any],
) -> None:
    connection: Any = key.fileobj
    data = connection.recv(READ_BYTES)
    if not data:
        raise RuntimeError("Redis has closed the connection.")
    reader, _waiting = key.data
    reader.feed(data)
    while (answer := reader.gets()) is not False:
        answers.append(answer)
        key.data[1] -= 1
    if not key.data[1]:
        if writes:
            _send_next(key, writes)
        else:
            selector.unregister(connection)
            connection.close()


def _send_next(key: selectors.SelectorKey, writes: "deque[tuple[bytes, int]]") -> None:
    connection: Any = key.fileobj
    packed, key.data[1] = writes.popleft()
    connection.sendall(packed)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
