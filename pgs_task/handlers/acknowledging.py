"""Messages that nobody needs yet, and messages that two rooms need."""

from collections.abc import Sequence

from pgs_data.messaging.relay import Handler, Message


def acknowledge(messages: Sequence[Message]) -> None:
    """Takes messages that nothing has to follow from; they stay in the log rows of their orders and groups."""


def in_turn(*handlers: Handler) -> Handler:
    """A handler that gives the messages to each of these; when one fails they come again, to all of them."""

    def handle(messages: Sequence[Message]) -> None:
        for handler in handlers:
            handler(messages)

    return handle
