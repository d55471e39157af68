"""Remembers the numbers of a statement's lines on disk, so that a day of millions of lines costs no memory."""

import sqlite3
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Self

# Pages that SQLite keeps in memory, in KiB.
CACHE_KIB = 8 * 1024
NUMBERS_A_QUERY = 500


class NumberSpool:
    """A set of texts in a private temporary file, which is gone with this object or process; for one thread."""

    def __init__(self) -> None:
        # The empty name is SQLite's own for a temporary database that spills to disk.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE number (text TEXT PRIMARY KEY) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, text: str) -> bool:
        """Remembers it; False when it was there before."""
        return self._connection.execute("INSERT OR IGNORE INTO number VALUES (?)", [text]).rowcount == 1

    def known(self, texts: Collection[str]) -> set[str]:
        """Those of up to 500 texts that were added."""
        if len(texts) > NUMBERS_A_QUERY:
            raise ValueError(f"At most {NUMBERS_A_QUERY} texts at once, got {len(texts)}.")
        places = ", ".join("?" * len(texts))
        rows: Iterable[tuple[str]] = self._connection.execute(
            f"SELECT text FROM number WHERE text IN ({places})",  # noqa: S608  # nosec B608: only question marks
            list(texts),
        )
        return {text for (text,) in rows}
