"""The databases' clock, whatever time zone this process or the session has."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from pgs_data.clock import DatabaseNow, database_now, from_ms, to_ms
from pgs_data.ids.snowflake import new_id
from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import node_aliases

EVERYWHERE = pytest.mark.django_db(databases="__all__")


@EVERYWHERE
@pytest.mark.parametrize("alias", ["default", *node_aliases()])
def test_clock_is_aware_and_about_now(alias: str):
    now = database_now(alias)
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.fixture
def row(db) -> OutboxMessage:
    key = new_id(slot=0)
    return OutboxMessage.objects.create(
        shard_key=key,
        topic="x",
        payload={},
        created_at=DatabaseNow(),
        available_at=DatabaseNow(after=timedelta(days=1)),
    )


@EVERYWHERE
def test_stored_moment_is_the_one_meant(row):
    alias = row._state.db
    row.refresh_from_db()
    assert abs(row.created_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert abs(row.available_at - row.created_at - timedelta(days=1)) < timedelta(seconds=1)
    rows = OutboxMessage.objects.on_node(alias)
    assert rows.filter(created_at__lte=DatabaseNow()).exists()
    assert not rows.filter(created_at__gt=DatabaseNow()).exists()
    assert not rows.filter(available_at__lte=DatabaseNow(after=timedelta(hours=23))).exists()
    assert rows.filter(available_at__lte=DatabaseNow(after=timedelta(hours=25))).exists()


@EVERYWHERE
def test_moment_to_the_second_compares_like_any_other(row):
    rows = OutboxMessage.objects.on_node(row._state.db)
    for after, is_past in ((timedelta(seconds=-2), True), (timedelta(seconds=2), False)):
        rows.update(available_at=datetime.now(UTC).replace(microsecond=0) + after)
        assert rows.filter(available_at__lte=DatabaseNow()).exists() is is_past


@EVERYWHERE
@pytest.mark.real
def test_sessions_time_zone_changes_nothing(row):
    alias = row._state.db
    with connections[alias].cursor() as cursor:
        cursor.execute("SET time_zone = '-05:00'")
    try:
        assert abs(database_now(alias) - datetime.now(UTC)) < timedelta(seconds=5)
        assert OutboxMessage.objects.on_node(alias).filter(created_at__lte=DatabaseNow()).exists()
        assert not OutboxMessage.objects.on_node(alias).filter(available_at__lte=DatabaseNow()).exists()
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("SET time_zone = DEFAULT")


def test_milliseconds_and_back():
    moment = datetime(2026, 11, 11, 0, 0, 0, 999_999, tzinfo=UTC)
    assert to_ms(moment) == 1794355200999
    assert from_ms(to_ms(moment)) == moment.replace(microsecond=999_000)
    assert all(to_ms(from_ms(number)) == number for number in range(1794355200000, 1794355202000))
