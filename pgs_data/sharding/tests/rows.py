"""Ids on known nodes, and the statements that reached each node."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.sharding.slots import SLOT_SHIFT, node_aliases

# One slot of each of three nodes, by the default map.
SLOT_OF_NODE = {"node0": 3, "node1": 30, "node2": 60}


def id_on(alias: str, number: int = 1) -> int:
    """An id whose slot belongs to the node."""
    return (SLOT_OF_NODE[alias] << SLOT_SHIFT) + number


@contextmanager
def statements_by_node() -> Iterator[dict[str, int]]:
    """Fills in, at its end, how many statements each node and `default` got."""
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        captured = {
            alias: stack.enter_context(CaptureQueriesContext(connections[alias]))
            for alias in (*node_aliases(), "default")
        }
        yield counts
        counts.update({alias: len(queries) for alias, queries in captured.items() if len(queries)})
