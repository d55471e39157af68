"""Where a key lives, and which settings are refused."""

import pytest

from pgs_data.redis.checks import check_redis
from pgs_data.redis.partitions import partition_count, partition_of, partition_within, partitions_of, tag


def test_every_partition_gets_its_share_and_a_tag_of_its_own():
    assert {partition_of(key) for key in range(32)} == set(range(partition_count()))
    assert len({tag(partition) for partition in range(partition_count())}) == partition_count()
    assert tag(7) == "{p07}"


def test_pin_wins(settings):
    settings.LEDGER_PINS = {33: 7, 34: 0}
    assert (partition_of(33), partition_of(34), partition_of(35)) == (7, 0, 3)


@pytest.mark.parametrize("partition", [-1, 16])
def test_tag_of_no_partition_is_refused(partition: int):
    with pytest.raises(ValueError, match="outside"):
        tag(partition)


def test_settings_as_delivered_pass():
    assert check_redis() == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("REDIS_URLS", {"ledger": "redis://127.0.0.1/0"}, "redis.E001"),
        ("LEDGER_PARTITIONS", 0, "redis.E002"),
        ("LEDGER_PINS", {5: 16}, "redis.E003"),
        ("LEDGER_SPREAD", {5: 3}, "redis.E005"),
        ("LEDGER_SPREAD", {5: 32}, "redis.E005"),
        ("LEDGER_SPREAD", {5: 0}, "redis.E005"),
        ("LEDGER_PARTITION_URLS", {-1: "redis://127.0.0.1/0"}, "redis.E003"),
        ("REDIS_SOCKET_TIMEOUT_SECONDS", 5.0, "redis.E004"),
        ("REDIS_SOCKET_TIMEOUT_SECONDS", 0, "redis.E004"),
    ],
)
def test_settings_that_cannot_work_are_named(settings, name: str, value: object, code: str):
    setattr(settings, name, value)
    assert code in [problem.id for problem in check_redis()]


@pytest.mark.parametrize(("count", "spread"), [(16, 1), (16, 2), (16, 4), (16, 16), (6, 4), (1, 1)])
def test_buckets_of_a_spread_key(settings, count, spread):
    settings.LEDGER_PARTITIONS = count
    settings.LEDGER_PINS = {77: count - 1}
    settings.LEDGER_SPREAD = {77: spread}
    partitions = partitions_of(77)
    assert partitions[0] == partition_of(77) == count - 1
    assert len(set(partitions)) == len(partitions) == spread
    assert [partition_within(77, part) for part in range(spread)] == list(partitions)
    assert partition_within(77, spread) == partitions[0]
    # Nobody else is.
    assert partitions_of(78) == (partition_of(78),) == (partition_within(78, 12345),)
