"""The receiving service from outside: a frozen ledger at full load, a polite end, and clients that behave badly."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from pgs_task.shoppers.client import Shopper
from pgs_web.api.limits import LARGEST_BODY
from tests.live.process_table import children_of
from tests.live.running_shop import OPEN_FILES, RunningShop, allow_open_files
from tests.live.shopping import list_order_ids, make_activity, make_shoppers, place_at_once, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(300)]

CLIENTS = 64
FROZEN_SECONDS = 3.0
# The promise is a second; a busy machine's share is on top. Without a deadline it would be the length of the freeze.
LONGEST_SECONDS = 2.0
IDLE_CONNECTIONS = 10_000
# Of all workers, before something must have been lost: what they have in hand when they die is a matter of chance.
KILLS = 5
STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
LENGTH = re.compile(rb"content-length: *(\d+)")
ORDER_ID = re.compile(rb'"order_id":"(\d+)"')


def request_of(shopper: Shopper, activity: str, key: str) -> bytes:
    body = json.dumps({"activity_id": activity, "quantity": 1, "address_id": shopper.address_id})
    return (
        f"POST /api/v1/orders/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {shopper.access}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def in_chunks(request: bytes, *, size: int) -> bytes:
    """The same request with its body in pieces, without the last, empty one."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return b"\r\n".join((*lines, b"Transfer-Encoding: chunked", b"", b"".join(chunks)))


def read_to_the_end(connection: socket.socket) -> bytes:
    """All that is said until the server ends the connection, with what it hasn't read, or without."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def connect(shop: RunningShop) -> socket.socket:
    address = urlsplit(shop.base_url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any], bool]:
    """Status, body, and whether the connection ends with it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(int(LENGTH.search(head)[1]))
    return int(head.split()[1]), json.loads(body), b"connection: close" in head


class Load:
    """Clients who order one thing after the other, and keep every answer with how long it took."""

    def __init__(self, shop: RunningShop, activity: str) -> None:
        self.shop = shop
        self.activity = activity
        self.accepted: dict[Shopper, list[str]] = {}
        self.answers: Counter[int] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.slowest = 0.0
        self.is_over = False

    async def run(self, shoppers: list[Shopper], meddle: Callable[[], Awaitable[None]]) -> None:
        clients = [asyncio.create_task(self._order(shopper)) for shopper in shoppers]
        try:
            await asyncio.sleep(1)
            await meddle()
            await asyncio.sleep(1)
        finally:
            self.is_over = True
        await asyncio.gather(*clients)

    async def _order(self, shopper: Shopper) -> None:
        """Over a socket of their own: a real client's work would be in the figures of a busy machine."""
        address = urlsplit(self.shop.base_url)
        writer: asyncio.StreamWriter | None = None
        turn = 0
        while not self.is_over:
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(address.hostname, address.port)
                turn += 1
                started = time.perf_counter()
                writer.write(request_of(shopper, self.activity, f"k{turn}"))
                status, content, is_last = await read_answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.unanswered[type(error).__name__] += 1
                if writer:
                    writer.close()
                writer = None
                await asyncio.sleep(0.1)
                continue
            self.slowest = max(self.slowest, time.perf_counter() - started)
            self.answers[status] += 1
            if status == 202:
                self.accepted.setdefault(shopper, []).append(content["order_id"])
            elif status == 503:
                await asyncio.sleep(0.05)
            if is_last:
                writer.close()
                writer = None
        if writer:
            writer.close()


def test_a_frozen_ledger_at_full_load(running_shop: RunningShop) -> None:
    shoppers = make_shoppers(running_shop, CLIENTS)
    load = Load(running_shop, make_activity(running_shop, stock=1_000_000, member_limit=100_000))

    async def freeze() -> None:
        with running_shop.frozen("valkey"):
            await asyncio.sleep(FROZEN_SECONDS)

    asyncio.run(load.run(shoppers, freeze))
    assert set(load.answers) == {202, 503}
    assert not load.unanswered
    assert load.slowest < LONGEST_SECONDS
    running_shop.wait_until_ready()
    # By itself: the last second was after the thaw.
    wait_for("an order is taken", lambda: place_one(running_shop, shoppers[0], load.activity, "after") == 202)
    # No 202 is lost; one that was told 503 may be in: its command was in the frozen server's socket.
    orders = list_order_ids(running_shop, shoppers)
    lost = {shopper: set(told) - set(orders[shopper]) for shopper, told in load.accepted.items()}
    assert {shopper.member_id: ids for shopper, ids in lost.items() if ids} == {}


@pytest.mark.parametrize(
    "signal_number",
    [
        pytest.param(signal.SIGTERM, id="polite"),
        pytest.param(signal.SIGKILL, id="negative control", marks=pytest.mark.alone),
    ],
)
def test_a_polite_end_loses_no_answer(running_shop: RunningShop, signal_number: signal.Signals) -> None:
    """A kept connection may be closed in the moment in which it is used: nothing was ordered by it then."""
    shoppers = make_shoppers(running_shop, CLIENTS)
    load = Load(running_shop, make_activity(running_shop, stock=1_000_000, member_limit=100_000))

    async def end_workers() -> None:
        if signal_number == signal.SIGTERM:
            os.kill(children_of(running_shop.pid("web"))[0], signal_number)
            return
        for _ in range(KILLS):
            with running_shop.frozen("valkey"):
                # Some have sent orders, not claims of keys only, that the ledger takes when it wakes, and that nobody
                # is left to answer.
                await asyncio.sleep(0.3)
                for worker in children_of(running_shop.pid("web")):
                    os.kill(worker, signal_number)
            await asyncio.to_thread(running_shop.wait_until_ready)
            await asyncio.sleep(1)

    asyncio.run(load.run(shoppers, end_workers))
    assert load.answers[202] > CLIENTS
    assert set(load.answers) <= {202, 503}
    unanswered = find_unanswered(running_shop, load, shoppers)
    if signal_number == signal.SIGTERM:
        assert unanswered == []
    else:
        # Of what a killed process had in hand something is on disk, and its shopper heard nothing.
        assert unanswered


def find_unanswered(shop: RunningShop, load: Load, shoppers: list[Shopper]) -> list[Shopper]:
    """Those who have another order than the ones that they were told of."""
    orders = list_order_ids(shop, shoppers)
    return [shopper for shopper in shoppers if sorted(load.accepted.get(shopper, [])) != sorted(orders[shopper])]


def place_one(shop: RunningShop, shopper: Shopper, activity: str, key: str) -> int:
    return place_at_once(shop, [{"shopper": shopper, "activity_id": activity, "key": key}])[0].status


def test_clients_that_behave_badly(running_shop: RunningShop) -> None:
    (shopper,) = make_shoppers(running_shop, 1)
    activity = make_activity(running_shop, stock=1000, member_limit=1000)
    good = request_of(shopper, activity, "good")

    # Drop by drop, while others are served.
    with connect(running_shop) as slow:
        for start in range(0, len(good), len(good) // 5):
            slow.sendall(good[start : start + len(good) // 5])
            assert place_one(running_shop, shopper, activity, f"beside-{start}") == 202
        assert slow.recv(65536).startswith(b"HTTP/1.1 202")

    # Several requests in one go: answered in their order, each once.
    with connect(running_shop) as piped:
        piped.sendall(b"".join(request_of(shopper, activity, f"piped-{number}") for number in range(20)))
        received = b""
        while len(order_ids := ORDER_ID.findall(received)) < 20:
            received += piped.recv(65536) or pytest.fail(f"closed after {len(order_ids)} answers")
    assert len(set(order_ids)) == 20

    # Half closed: who has ordered and says no more is told what became of it; who has hung up may have ordered.
    with connect(running_shop) as half:
        half.sendall(request_of(shopper, activity, "half"))
        half.shutdown(socket.SHUT_WR)
        assert read_to_the_end(half).startswith(b"HTTP/1.1 202")
    with connect(running_shop) as gone:
        gone.sendall(request_of(shopper, activity, "gone"))
    # More than announced: the rest is another request, and none.
    with connect(running_shop) as longer:
        longer.sendall(request_of(shopper, activity, "longer") + b"more than announced\r\n\r\n")
        assert STATUS.findall(read_to_the_end(longer)) == [b"202", b"400"]
    # In chunks, and in chunks without end.
    with connect(running_shop) as chunked:
        chunked.sendall(in_chunks(request_of(shopper, activity, "chunked"), size=7) + b"0\r\n\r\n")
        assert chunked.recv(65536).startswith(b"HTTP/1.1 202")
    with connect(running_shop) as endless:
        endless.sendall(in_chunks(request_of(shopper, activity, "endless") + b" " * LARGEST_BODY, size=8192))
        assert STATUS.findall(read_to_the_end(endless)) == [b"413"]
    # Less than announced: nothing happens until they give up.
    with connect(running_shop) as shorter:
        shorter.sendall(request_of(shopper, activity, "shorter")[:-5])
        time.sleep(0.2)
    for broken in (b"\x16\x03\x01", b"GET\r\n\r\n", b"POST /api/v1/orders/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        with connect(running_shop) as connection:
            connection.sendall(broken + b"\r\n\r\n")
            assert connection.recv(65536)[:12] in (b"HTTP/1.1 400", b"")
    assert place_one(running_shop, shopper, activity, "afterwards") == 202
    # Nothing of what wasn't whole was ordered.
    (stock,) = running_shop.manage("read_stock", activity, "--json")
    whole = len(range(0, len(good), len(good) // 5)) + 1 + 20 + 1
    # Half closed, with something behind it, and in chunks; who had gone: either way.
    assert whole + 3 <= stock["lock"] <= whole + 4


def test_idle_connections_cost_nobody_anything(running_shop: RunningShop) -> None:
    (shopper,) = make_shoppers(running_shop, 1)
    activity = make_activity(running_shop, stock=1000, member_limit=1000)
    if allow_open_files() < IDLE_CONNECTIONS + 1000:
        pytest.skip(f"The hard limit of open files is too low: run `ulimit -Hn {OPEN_FILES}` or more, as root, before.")
    address = urlsplit(running_shop.base_url)

    async def hold() -> list[int]:
        opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        try:
            for _ in range(0, IDLE_CONNECTIONS, 250):
                opened += await asyncio.gather(
                    *(asyncio.open_connection(address.hostname, address.port) for _ in range(250))
                )
            assert len(opened) == IDLE_CONNECTIONS
            return await asyncio.to_thread(
                lambda: [place_one(running_shop, shopper, activity, f"k{number}") for number in range(10)]
            )
        finally:
            for _reader, writer in opened:
                writer.transport.abort()

    started = time.perf_counter()
    assert asyncio.run(hold()) == [202] * 10
    assert time.perf_counter() - started < 60
