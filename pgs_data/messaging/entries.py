"""Entries of a stream as Python sees them."""

import os
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One entry of a stream; values are as they were written. Without fields: trimmed while it was pending."""

    id: str
    fields: dict[str, bytes]


def read_entries(pairs: Iterable[tuple[bytes | None, dict[bytes, bytes] | None]]) -> list[Entry]:
    """Entries from the client's pairs of id and fields."""
    return [
        Entry(id=identity.decode(), fields={name.decode(): value for name, value in (fields or {}).items()})
        for identity, fields in pairs
        if identity is not None
    ]


def entries_of_answer(answer: Any) -> list[Entry]:
    """Entries of an XREADGROUP of one stream; an empty list when it waited in vain."""
    return [entry for _stream, pairs in answer or [] for entry in read_entries(pairs)]


def unique_consumer_name(prefix: str) -> str:
    """A name that no other process has or had: a restarted one must not take over what it left by mere name."""
    return f"{prefix}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
