"""The ASGI door, without and with Django behind it."""

import asyncio
import json
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler

from pgs_web.api.body_limit import BodyLimit
from pgs_web.api.limits import LARGEST_BODY

CHUNK = 4096
DJANGO: Any = ASGIHandler()
NOTHING: Any = None


class Client:
    """One request in ASGI messages; counts how much of the body was taken."""

    def __init__(self, *, size, announced=None, path="/api/v1/echo/", headers=(), leaves_after=None):
        self.headers = [(b"host", b"testserver"), (b"content-type", b"application/json"), *headers]
        if announced is None:
            self.headers.append((b"transfer-encoding", b"chunked"))
        else:
            self.headers.append((b"content-length", announced))
        self.path, self.left, self.taken, self.leaves_after, self.sent = path, size, 0, leaves_after, []

    async def receive(self):
        if self.leaves_after is not None and self.taken >= self.leaves_after:
            return {"type": "http.disconnect"}
        if not self.left:
            # All was said; the client waits for the answer.
            await asyncio.Event().wait()
        chunk = min(CHUNK, self.left)
        first = b'{"lines": [], "x": "' if not self.taken else b""
        self.left -= chunk
        self.taken += chunk
        body = first + b"x" * (chunk - len(first) - (2 if not self.left else 0)) + (b'"}' if not self.left else b"")
        return {"type": "http.request", "body": body, "more_body": self.left > 0}

    async def send(self, message):
        self.sent.append(message)

    def ask(self, app):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": self.path, "raw_path": self.path.encode(), "query_string": b"", "root_path": "",
            "headers": self.headers, "client": ("127.0.0.1", 1), "server": ("testserver", 80),
        }  # fmt: skip
        asyncio.run(app(scope, self.receive, self.send))
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def answer_headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self):
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))


@pytest.fixture
def app():
    return BodyLimit(DJANGO)


pytestmark = pytest.mark.urls("pgs_web.api.tests.broken_views")


@pytest.mark.parametrize(("size", "status"), [(100, 200), (LARGEST_BODY, 200), (LARGEST_BODY + 1, 413), (10**7, 413)])
def test_chunked_bodies_are_measured_while_they_come(app, size, status):
    client = Client(size=size).ask(app)
    assert client.status == status
    assert client.taken <= LARGEST_BODY + CHUNK
    if status == 200:
        assert client.body["read"] == {"lines": []}


@pytest.mark.parametrize(("announced", "status"), [(b"65536", 200), (b"65537", 413), (b"9" * 40, 413)])
def test_announced_bodies_are_refused_unread(app, announced, status):
    client = Client(size=LARGEST_BODY, announced=announced).ask(app)
    assert client.status == status
    if status == 413:
        assert client.taken == 0


def test_the_refusal_is_a_problem_with_a_trace_id(app):
    client = Client(size=1, announced=b"70000", headers=[(b"x-trace-id", b"my-trace-0001")]).ask(app)
    headers = client.answer_headers
    assert (headers["content-type"], headers["connection"]) == ("application/problem+json", "close")
    assert headers["x-trace-id"] == client.body["trace_id"] == "my-trace-0001"
    assert (client.body["code"], client.body["status"]) == ("body_too_large", 413)


def test_without_the_door_django_would_take_it_all():
    """The control: Django alone reads ten million bytes before any view is asked."""
    client = Client(size=10**7).ask(DJANGO)
    assert client.taken == 10**7


def test_a_client_who_leaves_gets_no_answer_and_no_view_runs():
    async def never(*_arguments):
        raise AssertionError("the application was called")

    assert Client(size=10_000, leaves_after=CHUNK).ask(BodyLimit(never)).sent == []


def test_other_paths_and_lifespans_pass():
    seen = []

    async def record(scope, receive, send):
        seen.append(scope)

    Client(size=10**7, path="/admin/upload/").ask(BodyLimit(record))
    asyncio.run(BodyLimit(record)({"type": "lifespan"}, NOTHING, NOTHING))
    assert len(seen) == 2
