import pytest
from django.db import connections, transaction

from pgs_data.sharding.errors import CrossNodeTransaction, UnknownNode
from pgs_data.sharding.tests.models import Record
from pgs_data.sharding.tests.rows import id_on
from pgs_data.sharding.transactions import is_transaction_open, node_transaction

pytestmark = pytest.mark.django_db(databases="__all__")

A, B = id_on("node0"), id_on("node1")


class Abort(Exception):
    pass


def create_and_abort(row_id: int) -> None:
    with node_transaction(row_id) as alias:
        Record.objects.on_node(alias).create(id=row_id)
        raise Abort


def test_all_or_nothing_on_the_node_of_the_id() -> None:
    with pytest.raises(Abort):
        create_and_abort(B)
    assert not Record.objects.filter(id=B).exists()
    with node_transaction("node1") as alias:
        assert alias == "node1"
        Record.objects.create(id=B)
    assert Record.objects.filter(id=B).exists()


def test_nested_on_the_same_node_is_a_savepoint() -> None:
    with node_transaction(A):
        Record.objects.create(id=A)
        with pytest.raises(Abort):
            create_and_abort(A + 1)
    assert [row.id for row in Record.objects.on_node("node0")] == [A]


def test_two_nodes_at_once_are_refused_and_the_first_goes_on() -> None:
    with node_transaction(A):
        with pytest.raises(CrossNodeTransaction, match="node1 inside a transaction of node0"), node_transaction(B):
            pytest.fail("entered")
        Record.objects.create(id=A)
    with transaction.atomic(using="node0"), pytest.raises(CrossNodeTransaction), node_transaction(B):
        pytest.fail("entered beside Django's own atomic()")
    assert Record.objects.filter(id=A).exists()
    with node_transaction(B):
        Record.objects.create(id=B)


def test_inside_a_transaction_of_default_only_when_asked_for() -> None:
    with transaction.atomic():
        with pytest.raises(CrossNodeTransaction, match="allow_default=True"), node_transaction(A):
            pytest.fail("entered")
        with node_transaction(A, allow_default=True):
            Record.objects.create(id=A)
    assert Record.objects.filter(id=A).exists()


def test_the_transaction_around_a_test_does_not_count() -> None:
    assert connections["node0"].in_atomic_block
    assert not is_transaction_open("node0")
    with node_transaction(A):
        assert is_transaction_open("node0")
        assert not is_transaction_open("node1")
    assert not is_transaction_open("node0")


def test_only_data_nodes_have_node_transactions() -> None:
    for alias in ("default", "backup", "node7"):
        with pytest.raises(UnknownNode), node_transaction(alias):
            pytest.fail("entered")
