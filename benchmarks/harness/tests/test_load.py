"""The load generator tells what shoppers wait, also when the server stands still."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.harness.load import NO_ANSWER, drive

REQUEST = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"


class SmallServer(threading.Thread):
    """Answers 200 with the path, or stands still, or hangs up."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        # From the first request on.
        self.stands_still_seconds = 0.0
        self.hangs_up_after = 0
        self.paths: list[str] = []
        self.ready = threading.Event()

    def run(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self.over = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.ready.set()
        await self.over.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1].decode()
                if not self.paths:
                    self.stands_still_until = time.monotonic() + self.stands_still_seconds
                self.paths.append(path)
                if self.hangs_up_after and len(self.paths) > self.hangs_up_after:
                    break
                await asyncio.sleep(max(0.0, self.stands_still_until - time.monotonic()))
                body = path.encode()
                # In two pieces: an answer may come in any.
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
                await asyncio.sleep(0)
                writer.write(b"ngth: %d\r\n\r\n%s" % (len(body), body))
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@pytest.fixture
def server() -> Iterator[SmallServer]:
    thread = SmallServer()
    thread.start()
    assert thread.ready.wait(5)
    yield thread
    thread.loop.call_soon_threadsafe(thread.over.set)
    thread.join(5)


def test_every_request_is_sent_once_and_its_answer_is_its_own(server: SmallServer):
    answers: dict[int, bytes] = {}
    load = drive(
        server.url,
        rate=500,
        seconds=0.5,
        connections=8,
        make_request=lambda number: REQUEST % number,
        on_answer=lambda number, status, body: answers.update({number: body}),
    )
    assert load.statuses == {200: 250, NO_ANSWER: 0}
    assert answers == {number: b"/%d" % number for number in range(250)}
    assert sorted(server.paths, key=lambda path: int(path[1:])) == [f"/{number}" for number in range(250)]
    assert max(load.seconds) < 0.3


def test_what_shoppers_wait_while_the_server_stands_still_is_told(server: SmallServer):
    """Two connections: a closed loop would have met the pause twice; here everybody who came meanwhile waited."""
    server.stands_still_seconds = 1.0
    load = drive(server.url, rate=100, seconds=1.5, connections=2, make_request=lambda number: REQUEST % number)
    assert load.statuses[200] == 150
    assert sum(seconds > 0.3 for seconds in load.seconds) >= 50


def test_a_hang_up_is_no_answer(server: SmallServer):
    server.hangs_up_after = 20
    load = drive(
        server.url,
        rate=100,
        seconds=0.4,
        connections=2,
        patience_seconds=1,
        make_request=lambda number: REQUEST % number,
    )
    assert load.statuses[200] == 20
    assert load.statuses[NO_ANSWER] == load.sent - 20 > 0
