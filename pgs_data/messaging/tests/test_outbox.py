"""A message exists exactly when its fact does."""

import contextlib

import pytest

from pgs_data.ids.snowflake import new_id
from pgs_data.messaging.backlog import outbox_backlog
from pgs_data.messaging.errors import OutboxOutsideTransaction
from pgs_data.messaging.models import OutboxMessage
from pgs_data.messaging.outbox import OutboxDraft, append_message, append_messages
from pgs_data.sharding.errors import CrossShardQuery
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

SLOT, OTHER_SLOT = 0, 63


class Abandoned(Exception):
    """Ends a transaction of a test."""


def drafts(*keys: int) -> list[OutboxDraft]:
    return [OutboxDraft(topic="told", shard_key=key, payload={"id": key}) for key in keys]


def test_message_commits_with_its_fact_and_keeps_64_bits():
    key = new_id(slot=SLOT)
    with node_transaction(key) as alias:
        append_message(topic="order.paid", shard_key=key, payload={"order_id": key, "text": "团长"})
    row = OutboxMessage.objects.on_node(alias).get()
    assert (row.topic, row.shard_key, row.payload) == ("order.paid", key, {"order_id": key, "text": "团长"})
    assert row.created_at == row.available_at
    assert (outbox_backlog(alias).count, outbox_backlog(alias).oldest_at) == (1, row.created_at)


def test_rollback_leaves_no_message():
    key = new_id(slot=SLOT)
    with contextlib.suppress(Abandoned), node_transaction(key) as alias:
        append_message(topic="told", shard_key=key, payload={})
        assert outbox_backlog(alias).count == 1
        raise Abandoned
    assert outbox_backlog(alias_of_id(key)).count == 0


def test_message_outside_a_transaction_is_refused():
    key = new_id(slot=SLOT)
    with pytest.raises(OutboxOutsideTransaction, match="node_transaction"):
        append_message(topic="told", shard_key=key, payload={})
    assert outbox_backlog(alias_of_id(key)).count == 0


def test_message_in_another_nodes_transaction_is_refused():
    key, foreign = new_id(slot=SLOT), new_id(slot=OTHER_SLOT)
    assert alias_of_id(key) != alias_of_id(foreign)
    with node_transaction(key), pytest.raises(OutboxOutsideTransaction):
        append_message(topic="told", shard_key=foreign, payload={})


def test_messages_of_two_nodes_are_refused():
    key, foreign = new_id(slot=SLOT), new_id(slot=OTHER_SLOT)
    with node_transaction(key), pytest.raises(CrossShardQuery):
        append_messages(drafts(key, foreign))
    assert outbox_backlog(alias_of_id(key)).count == 0


def test_many_messages_are_few_statements_in_their_order(django_assert_num_queries):
    keys = [new_id(slot=SLOT) for _ in range(40)]
    with node_transaction(keys[0]) as alias, django_assert_num_queries(1, using=alias):
        append_messages(draft for draft in drafts(*keys))
    assert list(OutboxMessage.objects.on_node(alias).order_by("id").values_list("shard_key", flat=True)) == keys


def test_no_messages_need_no_transaction():
    append_messages([])


@pytest.mark.parametrize("topic", ["", "x" * 65])
def test_topic_that_does_not_fit_is_refused(topic: str):
    key = new_id(slot=SLOT)
    with node_transaction(key), pytest.raises(ValueError, match="1 to 64"):
        append_message(topic=topic, shard_key=key, payload={})
