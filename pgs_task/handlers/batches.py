"""Splits a batch of messages by the store it needs, so that a store that is away delays only what needs it."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog

from pgs_data.messaging.errors import RetryLater, is_outage
from pgs_data.messaging.relay import Message
from pgs_data.redis.partitions import partition_of, partition_within
from pgs_data.sharding.slots import alias_of_id

Place = TypeVar("Place", bound=Hashable)

log = structlog.get_logger(__name__)


class Leftovers:
    """The messages of a batch that have to come again; the others are done."""

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}

    def add(self, messages: Iterable[Message], reason: str) -> None:
        self._reasons.update((message.id, reason) for message in messages)

    def without(self, messages: Iterable[Message]) -> list[Message]:
        """Those of the messages that nothing has put off so far."""
        return [message for message in messages if message.id not in self._reasons]

    @contextmanager
    def outages(self, messages: Sequence[Message]) -> Iterator[None]:
        """Puts these messages off when the store that the block needs is away; other errors go to the relay."""
        try:
            yield
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("handler_met_outage", messages=len(messages), error=f"{type(error).__name__}: {error}"[:200])
            self.add(messages, f"{type(error).__name__}: {error}")

    def raise_if_any(self) -> None:
        """Raises RetryLater for the messages that were added."""
        if self._reasons:
            raise RetryLater(next(iter(self._reasons.values())), only=list(self._reasons))


def split_by_node(messages: Iterable[Message], *, key: str) -> dict[str, list[Message]]:
    """Messages by the node of the id under this key of their payload; those without one are left out."""
    return _split(
        (message for message in messages if message.payload[key] is not None),
        lambda message: alias_of_id(message.payload[key]),
    )


def split_by_partition(messages: Iterable[Message], *, key: str) -> dict[int, list[Message]]:
    """Messages by the ledger partition of their activity, where the order or group under this key is found."""
    return _split(messages, lambda message: partition_within(message.payload["activity_id"], message.payload[key]))


def split_by_home(messages: Iterable[Message]) -> dict[int, list[Message]]:
    """Messages by the ledger partition of their member."""
    return _split(messages, lambda message: partition_of(message.payload["member_id"]))


def split_ids_by_node(
    ids_of_messages: Iterable[tuple[Message, Iterable[int]]],
) -> dict[str, tuple[list[int], list[Message]]]:
    """Node → the ids on it, and the messages that name one of them."""
    ids: dict[str, dict[int, None]] = defaultdict(dict)
    messages: dict[str, dict[int, Message]] = defaultdict(dict)
    for message, named in ids_of_messages:
        for row_id in named:
            alias = alias_of_id(row_id)
            ids[alias][row_id] = None
            messages[alias][message.id] = message
    return {alias: (list(of_node), list(messages[alias].values())) for alias, of_node in ids.items()}


def _split(messages: Iterable[Message], place_of: Callable[[Message], Place]) -> dict[Place, list[Message]]:
    split: dict[Place, list[Message]] = defaultdict(list)
    for message in messages:
        split[place_of(message)].append(message)
    return split
