"""Transactions on exactly one data node; two databases can't commit together, so nesting them is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction

from pgs_data.sharding.errors import CrossNodeTransaction
from pgs_data.sharding.slots import alias_of_id, is_node, require_node

# MariaDB's ER_LOCK_DEADLOCK.
DEADLOCK = 1213


@contextmanager
def node_transaction(alias_or_id: str | int, *, allow_default: bool = False) -> Iterator[str]:
    """Atomic on one node, named by alias or by an id on it; yields the alias. Nested on the same node: a savepoint.

    Raises CrossNodeTransaction inside a transaction of another node, and inside one of `default` unless allow_default
    says that the caller has thought about a crash between the two commits.
    """
    alias = alias_of_id(alias_or_id) if isinstance(alias_or_id, int) else require_node(alias_or_id)
    refuse_write_beside_transaction(alias)
    if not allow_default and is_transaction_open(DEFAULT_DB_ALIAS):
        raise CrossNodeTransaction(
            f"A transaction on {alias} inside one of {DEFAULT_DB_ALIAS!r}: a rollback outside wouldn't undo it."
            " Commit the outer one first, or pass allow_default=True and say why that is safe."
        )
    with transaction.atomic(using=alias):
        yield alias


def is_deadlock(error: BaseException) -> bool:
    """Whether MariaDB ended the transaction because it met others crosswise: it is undone, and may begin again."""
    return isinstance(error, OperationalError) and error.args[:1] == (DEADLOCK,)


def is_transaction_open(alias: str) -> bool:
    """True while this thread is inside a transaction of the alias; the one around a TestCase doesn't count."""
    return any(not block._from_testcase for block in connections[alias].atomic_blocks)  # type: ignore[attr-defined]


def refuse_write_beside_transaction(alias: str | None) -> None:
    """Raises CrossNodeTransaction when another data node's transaction is open: the two would commit separately."""
    for connection in connections.all(initialized_only=True):
        if connection.alias != alias and is_node(connection.alias) and is_transaction_open(connection.alias):
            raise CrossNodeTransaction(
                f"{alias} inside a transaction of {connection.alias}: they can't commit together. Append an outbox"
                " message in the open transaction and let its handler write the other node."
            )
