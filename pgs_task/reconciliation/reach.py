"""Which databases and ledgers can't be reached: an error of theirs doesn't say whose it was."""

from django.db import connections

from pgs_data.messaging.errors import is_outage
from pgs_data.redis.connections import RedisUnavailable, ledger
from pgs_data.redis.partitions import partition_count
from pgs_data.sharding.slots import node_aliases


def find_unreachable() -> list[str]:
    """One line for each database and Redis that doesn't answer at this moment; costs a round trip each."""
    return [*_databases_away(), *_ledgers_away()]


def close_ended_connections() -> None:
    """Whoever asks next gets a new connection where the last one ended; Django sees to it between requests only."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred and not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _databases_away() -> list[str]:
    away = []
    # A connection that ended says nothing of its database.
    close_ended_connections()
    for alias in ("default", *node_aliases()):
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
        except Exception as error:
            if not is_outage(error):
                raise
            away.append(f"database {alias} can't be reached: {error}")
    return away


def _ledgers_away() -> list[str]:
    away: dict[str, str] = {}
    for partition in range(partition_count()):
        client = ledger(partition)
        # Partitions mostly share a Redis: a stopped one costs a timeout once, not sixteen times.
        name = str(id(client))
        if name in away:
            continue
        try:
            client.ping()
        except RedisUnavailable as error:
            away[name] = f"the ledger of partition {partition} can't be reached: {error}"
    return list(away.values())
