import pytest
from django.contrib.auth.models import Group, User
from django.db import router

from pgs_data.sharding.errors import ShardKeyMissing
from pgs_data.sharding.tests.models import Entry, Note, Record
from pgs_data.sharding.tests.rows import id_on

A, B = id_on("node0"), id_on("node1")


def test_sharded_tables_are_on_nodes_and_backup_and_all_others_on_default() -> None:
    for alias in ("node0", "node1", "node2", "backup"):
        assert router.allow_migrate_model(alias, Record)
        assert router.allow_migrate_model(alias, Note)
        assert not router.allow_migrate_model(alias, User)
        assert not router.allow_migrate(alias, "auth")
    assert not router.allow_migrate_model("default", Record)
    assert router.allow_migrate_model("default", User)
    assert router.allow_migrate("default", "auth")


def test_migrations_written_before_a_rename_still_run_on_the_nodes() -> None:
    assert router.allow_migrate("node0", "pgs_data", model_name="parchment")
    assert not router.allow_migrate("default", "pgs_data", model_name="parchment")
    assert not router.allow_migrate("node0", "pgs_data", model_name="somethingelse")


def test_code_in_migrations_may_say_where_it_runs() -> None:
    assert router.allow_migrate("node0", "pgs_data", sharded=True)
    assert not router.allow_migrate("default", "pgs_data", sharded=True)
    assert router.allow_migrate("default", "pgs_data", model_name="record", sharded=False)


def test_rows_lead_to_their_node() -> None:
    assert router.db_for_write(Record, instance=Record(id=B)) == "node1"
    assert router.db_for_read(Entry, instance=Record(id=B)) == "node1"
    assert router.db_for_read(User) == router.db_for_write(User) == "default"
    assert router.db_for_write(User, instance=Record(id=B)) == "default"


@pytest.mark.parametrize("hints", [{}, {"instance": None}, {"instance": User(id=1)}])
def test_sharded_models_are_never_guessed(hints: dict[str, object]) -> None:
    for ask in (router.db_for_read, router.db_for_write):
        with pytest.raises(ShardKeyMissing):
            ask(Record, **hints)


def test_relations_stay_in_one_database() -> None:
    assert router.allow_relation(Record(id=A), Entry(record_id=A))
    assert not router.allow_relation(Record(id=A), Entry(record_id=B))
    assert not router.allow_relation(Record(id=A), User(id=1))
    assert not router.allow_relation(User(id=1), Record(id=A))
    assert router.allow_relation(User(id=1), Group(id=1))
