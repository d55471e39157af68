"""One id follows a request through logs, messages and the answer's `X-Trace-Id`."""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

# 8 to 64 of these: nothing that could break a log line, a header or a Redis key.
TRACE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
TRACE_HEADER = "X-Trace-Id"
NO_TRACE = "0" * 32

_current: ContextVar[str] = ContextVar("trace_id", default="")


def current_trace_id() -> str:
    """The trace id of the request being answered; empty outside of one."""
    return _current.get()


def bind_trace_id(trace_id: str) -> None:
    """Makes `trace_id` the current one of this thread or task."""
    _current.set(trace_id)


@contextmanager
def traced(trace_id: str) -> Iterator[None]:
    """`trace_id` is the current one within the block: for those who have no task, and so no context, of their own."""
    before = _current.set(trace_id)
    try:
        yield
    finally:
        _current.reset(before)


def choose_trace_id(headers: Mapping[str, str]) -> str:
    """The caller's well-formed `X-Trace-Id`, else the trace of its `traceparent`, else a new one."""
    given = headers.get(TRACE_HEADER, "")
    if TRACE_ID.fullmatch(given):
        return given
    parent = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if parent and parent[1] != NO_TRACE:
        return parent[1]
    return uuid.uuid4().hex
