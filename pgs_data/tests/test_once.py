"""Effects happen once though their messages come again, also at the same time."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from pgs_data.clock import database_now
from pgs_data.ids.snowflake import new_id
from pgs_data.messaging.models import ConsumedMessage
from pgs_data.once import OnceOutsideTransaction, forget_taken, take_once
from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture
def key() -> int:
    return new_id(slot=0)


def take(key: int, *message_keys: str, consumer: str = "seats") -> set[str]:
    with node_transaction(key):
        return take_once(consumer=consumer, message_keys=message_keys, shard_key=key)


def test_second_time_is_nothing(key):
    assert take(key, "a", "b") == {"a", "b"}
    assert take(key, "b", "c", "c") == {"c"}
    assert take(key, "a", consumer="statistics") == {"a"}
    assert take(key) == set()


def test_rollback_gives_the_keys_back(key):
    with contextlib.suppress(KeyError), node_transaction(key):
        assert take_once(consumer="seats", message_keys=["a"], shard_key=key) == {"a"}
        raise KeyError
    assert take(key, "a") == {"a"}


def test_outside_a_transaction_is_refused(key):
    with pytest.raises(OnceOutsideTransaction):
        take_once(consumer="seats", message_keys=["a"], shard_key=key)


@pytest.mark.parametrize(("consumer", "message_key"), [("", "a"), ("x" * 65, "a"), ("seats", ""), ("seats", "x" * 129)])
def test_name_that_would_be_cut_is_refused(key, consumer, message_key):
    with pytest.raises(ValueError, match="1 to"):
        take(key, message_key, consumer=consumer)


def test_of_many_at_once_each_key_is_taken_once(key):
    barrier = threading.Barrier(6)

    def work(number: int) -> list[str]:
        taken: list[str] = []
        try:
            for turn in range(10):
                barrier.wait()
                # Overlapping, and in another order for each.
                names = [f"{turn}-{(place * 7 + number) % 10}" for place in range(10)]
                taken += take(key, *names)
        finally:
            connections.close_all()
        return taken

    with ThreadPoolExecutor(6) as pool:
        taken = [name for names in pool.map(work, range(6)) for name in names]
    assert sorted(taken) == sorted(f"{turn}-{place}" for turn in range(10) for place in range(10))


def test_more_keys_than_one_statement(key, django_assert_max_num_queries):
    names = [f"message-{number}" for number in range(1200)]
    with django_assert_max_num_queries(20, using=alias_of_id(key)):
        assert take(key, *names) == set(names)
    assert take(key, *names, "new") == {"new"}


def test_old_marks_are_forgotten_by_the_portion(key):
    take(key, *[str(number) for number in range(25)])
    node = alias_of_id(key)
    now = database_now(node)
    assert forget_taken(node=node, before=now - timedelta(minutes=1)) == 0
    assert forget_taken(node=node, before=now + timedelta(minutes=1), limit=10) == 10
    assert forget_taken(node=node, before=now + timedelta(minutes=1)) == 15
    assert ConsumedMessage.objects.on_node(node).count() == 0
