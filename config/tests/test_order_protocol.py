"""Orders that come whole are answered without a task; everything odd goes uvicorn's own way."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from config.order_protocol import GatheringTransport, OrderProtocol

HEADERS = [(b"content-length", b"5")]
# With which all answers end.
LAST_WORDS = (b"whole", b"tasks", b"received.", b"too long.")
NO_HTTP = b"\x16\x03\x01 is no HTTP\r\n\r\n"
# Says that nothing more will come, and still listens.
HALF_CLOSED = b""


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
            if not isinstance(one, bytes):
                one()
            elif one == HALF_CLOSED:
                writer.write_eof()
            else:
                writer.write(one)
        told = b""
        async with asyncio.timeout(30):
            while told.count(b"HTTP/1.1") < answers or not told.endswith(LAST_WORDS):
                part = await reader.read(65536)
                if not part:
                    break
                told += part
            if b"connection: close" in told or HALF_CLOSED in said:
                assert await reader.read() == b""
        writer.close()
        server.close()
        return told

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def statuses(told: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", told)]


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


@pytest.mark.parametrize(("first", "expected"), [(b"now", [409, 409, 200]), (b"wait", [202, 200, 200])])
def test_orders_sent_at_once_are_answered_one_after_the_other(first, expected):
    service = Service()
    # Those behind one that waits get a task: nothing new comes in that could begin them.
    told = talk(
        service, order(first) + order(b"now") + order(b"refuse"), lambda: [one() for one in service.later], answers=3
    )
    assert statuses(told) == expected


CHUNKED = b"POST / HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
# In packets that can be read before they are too much: what is left unread would end the connection without a word.
LONG = (b"a" * 40_000, b"b" * 40_000)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param((order(b"wait"), NO_HTTP), [202, 400], id="later"),
        pytest.param((order(b"wait") + NO_HTTP,), [202, 400], id="at once"),
        pytest.param((order(b"wait") + order(b"now") + NO_HTTP,), [202, 200, 400], id="behind two"),
        pytest.param((order(b"wait") + CHUNKED + b"broken\r\n",), [202, 400], id="in the next one's body"),
        pytest.param((order(b"wait"), NO_HTTP, NO_HTTP, HALF_CLOSED), [202, 400], id="and more of it"),
        pytest.param((order(b"wait"), b"GET / HTTP/1.1\r\nX: ", *LONG), [202, 431], id="a head without end"),
        pytest.param((order(b"wait"), HALF_CLOSED), [202], id="half closed"),
    ],
)
def test_an_order_is_answered_before_its_connection_ends(said, expected):
    """It may be in: whoever broke their connection behind it would not know."""
    service = Service()
    told = talk(service, *said, lambda: service.later.pop()(), answers=len(expected))
    assert statuses(told) == expected
    assert service.later == []


@pytest.mark.parametrize(
    "said",
    [
        pytest.param((NO_HTTP,), id="nothing before"),
        pytest.param((order(b"now"), NO_HTTP), id="answered before"),
        pytest.param((CHUNKED + b"3\r\nabc\r\n", b"broken\r\n"), id="in the body"),
    ],
)
def test_what_is_no_http_is_refused_at_once(said):
    assert statuses(talk(Service(), *said, answers=len(said)))[-1] == 400


@pytest.mark.parametrize("said", [b"", order(b"half")[:-2], b"GET / HTTP/1.1\r\n"])
def test_who_half_closes_before_a_request_is_whole_is_not_answered(said):
    service = Service()
    assert talk(service, *([said] if said else []), HALF_CLOSED) == b""
    assert service.were_secure == []


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nX: ", b"\r\n\r\n", 431, id="header"),
        pytest.param(b"GET /?", b" HTTP/1.1\r\n\r\n", 431, id="address"),
        pytest.param(CHUNKED + b"3\r\nabc\r\n0\r\nX: ", b"\r\n\r\n", 431, id="trailer"),
        pytest.param(CHUNKED + b"13880\r\n", b"\r\n0\r\n\r\n", 200, id="a body may be as long"),
    ],
)
def test_a_head_without_end_is_bounded(begins, ends, expected):
    told = talk(Service(), begins, *LONG, *([ends] if expected == 200 else []))
    assert statuses(told) == [expected]


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
