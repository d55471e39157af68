"""Messages that nobody needs yet, and messages that two rooms need."""

from collections.abc import Sequence

from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.relay import Handler, Message


def acknowledge(messages: Sequence[Message]) -> None:
    """Takes messages that nothing has to follow from; they stay in the log rows of their orders and groups."""


def in_turn(*handlers: Handler) -> Handler:
    """A handler that gives the messages to each of these; what one puts off, or fails with, comes again to all."""

    def handle(messages: Sequence[Message]) -> None:
        put_off: dict[str | int, str] = {}
        for handler in handlers:
            wanted = [message for message in messages if message.id not in put_off]
            if not wanted:
                break
            try:
                handler(wanted)
            except RetryLater as later:
                # The others count as done, and are forgotten, when this ends: the next handlers must get them first.
                names = [message.id for message in wanted] if later.only is None else later.only
                put_off.update(dict.fromkeys(names, later.reason))
        if put_off:
            raise RetryLater(next(iter(put_off.values())), only=list(put_off))

    return handle
