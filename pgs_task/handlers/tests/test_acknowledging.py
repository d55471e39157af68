"""One message for several handlers: none is forgotten because another puts some off."""

from datetime import UTC, datetime

import pytest

from pgs_data.messaging.bisecting import handle_batch
from pgs_data.messaging.errors import RetryLater
from pgs_data.messaging.relay import Message
from pgs_task.handlers.acknowledging import in_turn


def make_messages(*ids):
    now = datetime.now(UTC)
    return [
        Message(id=one, node="node0", topic="t", shard_key=1, payload={}, created_at=now, attempts=0) for one in ids
    ]


def recorder(seen, *, puts_off=()):
    def handle(messages):
        seen.append([message.id for message in messages])
        if puts_off:
            raise RetryLater("not yet", only=puts_off)

    return handle


def test_what_the_first_does_not_put_off_reaches_the_second():
    first: list[list[int]] = []
    second: list[list[int]] = []
    outcome = handle_batch(make_messages(1, 2, 3), in_turn(recorder(first, puts_off=[2]), recorder(second)))
    assert (first, second) == ([[1, 2, 3]], [[1, 3]])
    # Done is deleted from the outbox: only what all handlers had.
    assert [message.id for message in outcome.done] == [1, 3]
    assert [(message.id, reason) for message, reason in outcome.put_off] == [(2, "not yet")]


def test_what_any_of_them_puts_off_comes_again():
    second: list[list[int]] = []
    outcome = handle_batch(
        make_messages(1, 2, 3), in_turn(recorder([], puts_off=[1]), recorder(second, puts_off=[3]), recorder([]))
    )
    assert second == [[2, 3]]
    assert [message.id for message in outcome.done] == [2]
    assert {message.id for message, _reason in outcome.put_off} == {1, 3}


def test_who_puts_everything_off_leaves_nothing_for_the_next():
    def put_off(_messages):
        raise RetryLater("later")

    second: list[list[int]] = []
    with pytest.raises(RetryLater) as caught:
        in_turn(put_off, recorder(second))(make_messages(1, 2))
    assert caught.value.only == {1, 2}
    assert second == []
