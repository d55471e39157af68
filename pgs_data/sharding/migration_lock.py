"""One migration of a database at a time: two web servers that start together must not both create a table."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

PAUSE_SECONDS = 0.2


class MigrationLocked(Exception):
    """Another process is migrating this database and didn't finish in time."""


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, *, wait_seconds: float) -> Iterator[None]:
    """Holds the database's migration lock; raises MigrationLocked after wait_seconds. A dead holder frees it."""
    with ExitStack() as stack:
        if connection.vendor == "mysql":
            take = _server_lock(connection, stack)
        elif connection.vendor == "sqlite" and not connection.is_in_memory_db():  # type: ignore[attr-defined]
            take = _file_lock(Path(connection.settings_dict["NAME"]), stack)
        else:
            # In memory: nobody else can see it.
            yield
            return
        give_up_at = time.monotonic() + wait_seconds
        while not take():
            if time.monotonic() >= give_up_at:
                raise MigrationLocked(f"Another process is migrating {connection.alias}; waited {wait_seconds:.0f} s.")
            time.sleep(PAUSE_SECONDS)
        yield


def _server_lock(connection: BaseDatabaseWrapper, stack: ExitStack) -> Callable[[], bool]:
    """MySQL's named lock: it belongs to the connection and ends with it."""
    # Named locks are the server's, not the schema's; a name has at most 64 characters.
    name = f"migrate:{connection.settings_dict['NAME']}"[:64]

    def release() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])

    def take() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, 0)", [name])
            taken = bool(cursor.fetchone()[0])
        if taken:
            stack.callback(release)
        return taken

    return take


def _file_lock(database: Path, stack: ExitStack) -> Callable[[], bool]:
    """A lock on a file beside SQLite's; the kernel frees it when its holder dies."""
    file = stack.enter_context(database.with_name(f"{database.name}.migrating").open("w"))

    def take() -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return take
