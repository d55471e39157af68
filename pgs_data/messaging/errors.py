"""What handlers and callers of the messaging can meet, and how an outage is told from a poisoned message."""

from collections.abc import Collection

from django.db import DatabaseError, InterfaceError, OperationalError

from pgs_data.redis.connections import RedisUnavailable

# MySQL says OperationalError for outages and for some bad rows alike; these numbers pass by themselves: no connection,
# lock waits and deadlocks, shutting down, read-only after a failover, too many connections, disk full.
_MYSQL_OUTAGES = frozenset(
    {1021, 1040, 1041, 1053, 1079, 1129, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1290, 1317, 1792}
    | {1836, 1927, 1969, 2002, 2003, 2006, 2013, 2014, 2055, 4166}
)


class OutboxOutsideTransaction(Exception):
    """A message was appended outside the node transaction that writes its fact."""


class RetryLater(Exception):
    """Raised by a handler: nothing is wrong with the messages, try them again later.

    `only` names those by id when the handler has done the others; None means the whole batch.
    """

    def __init__(self, reason: str, *, only: Collection[str | int] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.only = None if only is None else frozenset(only)


def is_outage(error: BaseException) -> bool:
    """True when a server is away or busy, so that the same message can succeed later unchanged."""
    if isinstance(error, (*RedisUnavailable, InterfaceError)):
        return True
    if isinstance(error, OperationalError):
        number = error.args[0] if error.args else None
        # SQLite gives text: locked, full, can't open; none of its OperationalErrors depends on a row's values.
        return not isinstance(number, int) or number in _MYSQL_OUTAGES
    # "MySQL server has gone away" can also surface as a plain DatabaseError of the closed connection.
    return isinstance(error, DatabaseError) and bool(error.args) and error.args[0] in {2006, 2013}
