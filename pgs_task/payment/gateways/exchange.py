"""Talks HTTP with a gateway: bounded in time and length, and every failure is GatewayUnavailable."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import httpx

from pgs_task.payment.gateways.contract import GatewayUnavailable

# A shopper waits for it, and an order's lease is held meanwhile.
ANSWER_SECONDS = 4.0
LARGEST_ANSWER = 262_144
# A day's statement, packed.
DOWNLOAD_SECONDS = 120.0
LARGEST_DOWNLOAD = 268_435_456


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as it came, whatever its status; headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Answer:
    """One request, never repeated: whether it was done is unknown when it fails. Raises GatewayUnavailable."""
    ends = time.monotonic() + ANSWER_SECONDS
    with _opened(method, url, headers, content) as response:
        body = b"".join(_chunks(response, ends=ends, largest=LARGEST_ANSWER))
        return Answer(status=response.status_code, headers=response.headers, body=body)


@contextmanager
def download(*, url: str, headers: Mapping[str, str] | None = None) -> Iterator[BinaryIO]:
    """The file at an address, on disk and read from its beginning; raises GatewayUnavailable."""
    with tempfile.TemporaryFile() as file:
        with _opened("GET", url, headers, None) as response:
            if response.status_code != httpx.codes.OK:
                raise GatewayUnavailable(f"the statement's address answers {response.status_code}")
            for chunk in _chunks(response, ends=time.monotonic() + DOWNLOAD_SECONDS, largest=LARGEST_DOWNLOAD):
                file.write(chunk)
        file.seek(0)
        yield file


@contextmanager
def _opened(
    method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None
) -> Iterator[httpx.Response]:
    try:
        # Not packed: a packed answer can unfold to any length, and signatures are over the bytes as they are sent.
        plain = {**(headers or {}), "Accept-Encoding": "identity"}
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=ANSWER_SECONDS / 2)
        with _client().stream(method, url, headers=plain, content=content, timeout=timeout) as response:
            yield response
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise GatewayUnavailable(type(error).__name__) from error


def _chunks(response: httpx.Response, *, ends: float, largest: int) -> Iterator[bytes]:
    length = 0
    # A time-out limits each wait for a piece; a gateway that drips would never reach it.
    for chunk in response.iter_raw():
        length += len(chunk)
        if length > largest:
            raise GatewayUnavailable(f"more than {largest} bytes")
        if time.monotonic() > ends:
            raise GatewayUnavailable("the answer takes too long")
        yield chunk


@cache
def _client() -> httpx.Client:
    """One a process, because making one costs 60 ms; it keeps no connections, so a fork or restart breaks nothing."""
    # No proxy or password file from the environment, no redirect: what was signed for one address goes to no other.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.Client(limits=limits, trust_env=False, follow_redirects=False)
