"""Orders that come whole are answered without a task; everything odd goes uvicorn's own way."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from config.order_protocol import GatheringTransport, OrderProtocol

HEADERS = [(b"content-length", b"5")]


class Service:
    """Answers b"whole" without a task, later when asked so, and b"tasks" through ASGI."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self.were_secure: list[bool] = []

    def take_whole(self, scope: Any, body: bytes, tell: Any, is_secure: Any) -> bool:
        self.were_secure.append(is_secure(scope))
        if b"refuse" in body:
            return False
        if b"wait" in body:
            self.later.append(lambda: tell(202, HEADERS, b"whole"))
        else:
            tell(409, HEADERS, b"whole")
        return True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"tasks"})


def talk(service: Service, *said: bytes | Callable[[], None], proxy: str = "10.0.0.1", answers: int = 1) -> bytes:
    """What the server says to these bytes, sent one after the other; a callable is called between them."""

    async def run() -> bytes:
        config = Config(app=service, ws="none", lifespan="off", log_config=None, forwarded_allow_ips=proxy)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: OrderProtocol(config=config, server_state=ServerState(), app_state={}, _loop=loop), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for one in said:
            await asyncio.sleep(0.02)
            if isinstance(one, bytes):
                writer.write(one)
            else:
                one()
        told = b""
        async with asyncio.timeout(5):
            while told.count(b"HTTP/1.1") < answers or not told.endswith((b"whole", b"tasks")):
                told += await reader.read(65536)
            if b"connection: close" in told:
                assert await reader.read() == b""
        writer.close()
        server.close()
        return told

    return asyncio.run(run())


def order(body: bytes, *headers: bytes) -> bytes:
    head = [b"POST /api/v1/orders/ HTTP/1.1", b"Host: shop", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def test_an_order_that_comes_whole_needs_no_task():
    told = talk(Service(), order(b"now"))
    assert told.startswith(b"HTTP/1.1 409 Conflict\r\n")
    assert told.endswith(b"\r\n\r\nwhole")
    assert b"connection: close" not in told


@pytest.mark.parametrize(
    "said",
    [
        pytest.param((order(b"in two parts")[:-5], b"parts"), id="pieces"),
        pytest.param((order(b"refused"),), id="not taken"),
        pytest.param((order(b"expects", b"Expect: 100-continue"),), id="expects"),
        pytest.param(
            (b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n"),
            id="chunks",
        ),
    ],
)
def test_what_is_odd_goes_through_a_task(said):
    assert talk(Service(), *said).endswith(b"tasks")


@pytest.mark.parametrize(
    ("first", "statuses"), [(b"now", [b"409", b"409", b"200"]), (b"wait", [b"202", b"200", b"200"])]
)
def test_orders_sent_at_once_are_answered_one_after_the_other(first, statuses):
    service = Service()
    # Those behind one that waits get a task: nothing new comes in that could begin them.
    told = talk(
        service, order(first) + order(b"now") + order(b"refuse"), lambda: [one() for one in service.later], answers=3
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", told) == statuses


class Line(asyncio.Transport):
    """Remembers what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: Any) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"end")

    def is_closing(self) -> bool:
        return b"end" in self.sent


def test_what_one_turn_of_the_loop_writes_is_sent_at_its_end():
    async def run() -> None:
        line = Line()
        transport = GatheringTransport(line)
        transport.write(b"head ")
        transport.write(b"body")
        # Other connections' requests are read before: an answer in between would bring the next ones in between.
        assert line.sent == []
        await asyncio.sleep(0)
        assert line.sent == [b"head body"]
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(0)
        assert line.sent == [b"head body", b"last", b"end"]

    asyncio.run(run())


def test_who_never_reads_holds_up_who_answers():
    """Django sends all chunks of an answer in one turn of the loop."""
    most, chunk = 400, b"x" * 256 * 1024
    sent = 0

    async def answer(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for sent in range(1, most + 1):  # noqa: B007 - looked at from outside
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def run() -> None:
        protocols: list[OrderProtocol] = []

        def make_protocol() -> OrderProtocol:
            protocols.append(OrderProtocol(config=config, server_state=ServerState(), app_state={}, _loop=loop))
            return protocols[0]

        config = Config(app=answer, ws="none", lifespan="off", log_config=None)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(make_protocol, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            async with asyncio.timeout(30):
                while not (protocols and protocols[0].flow.write_paused):  # noqa: ASYNC110 - uvicorn's flag
                    await asyncio.sleep(0.005)
            assert 0 < sent < most
        server.close()

    asyncio.run(run())


def test_the_connection_ends_when_the_client_asks_for_it():
    assert b"\r\nconnection: close\r\n" in talk(Service(), order(b"now", b"Connection: close"))


@pytest.mark.parametrize(
    ("proxy", "headers", "is_secure"),
    [
        ("127.0.0.1", (b"X-Forwarded-Proto: https",), True),
        ("127.0.0.1", (), False),
        ("127.0.0.1", (b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: http"), False),
        ("10.0.0.1", (b"X-Forwarded-Proto: https",), False),
    ],
)
def test_who_says_that_it_was_tls(proxy, headers, is_secure):
    service = Service()
    talk(service, order(b"now", *headers), proxy=proxy)
    assert service.were_secure == [is_secure]


def test_nobody_is_answered_who_has_gone():
    service = Service()
    talk(service, order(b"wait"), lambda: service.later[0](), answers=1)
    # A second answer to the same order finds its connection gone.
    service.later[0]()
