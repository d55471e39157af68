"""Database connections of threads that answer no request of Django's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import close_old_connections

# What surrounds each visit of a thread to a database; tests let their threads work inside the test's transaction.
Connections = Callable[[], AbstractContextManager[None]]


@contextmanager
def own_connections() -> Iterator[None]:
    """As around a request: a connection that is too old or broken is closed, and the next use opens another."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
