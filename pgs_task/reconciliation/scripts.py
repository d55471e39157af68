"""The rebuild's scripts; all of them obey the lease of one rebuild only."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_task.stock_sync.lost_stock import aside_key, fence_key
from pgs_web.trade.group.keys import period_of_group
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.stock.keys import away_key, bought_key, changed_key, holds_key, news_key, stock_key
from pgs_web.trade.stock.scripts import Bucket

_set_stock_aside = Script.load("pgs_task.reconciliation", "set_stock_aside")
_restore_groups = Script.load("pgs_task.reconciliation", "restore_groups")
_restore_stock = Script.load("pgs_task.reconciliation", "restore_stock")


@dataclass(frozen=True, slots=True)
class CountedKeys:
    """Where one rebuild counts, in one partition: one that was late must not write into another's."""

    bought: str
    holds: str
    away: str


def counted_keys(activity_id: int, partition: int, *, fence: int) -> CountedKeys:
    """Units of members, holds, and units taken from limits for other buckets."""
    return CountedKeys(*(f"{key(activity_id, partition)}:new:{fence:d}" for key in (bought_key, holds_key, away_key)))


def set_stock_aside(
    *, activity_id: int, partition: int, fence: int, is_sure: bool
) -> tuple[str, int | None, int | None]:
    """ASIDE or OUTDATED, and the total (of all buckets) and version that the stock had; raises RedisUnavailable."""
    word, total, version = _set_stock_aside(
        ledger(partition),
        keys={
            "stock": stock_key(activity_id, partition),
            "aside": aside_key(activity_id, partition),
            "fence": fence_key(activity_id, partition),
        },
        args={"my_fence": fence, "is_sure": int(is_sure)},
    )
    return word.decode(), _whole(total), _whole(version)


def restore_groups(
    *, activity_id: int, partition: int, fence: int, groups: Sequence[tuple[int, int, PackedGroup]]
) -> str:
    """Writes (group id, expiry in ms, group) of one partition; WRITTEN or OUTDATED. Raises RedisUnavailable."""
    packed = [
        [str(period_of_group(group_id)), str(group_id), str(expires_ms), group.pack()]
        for group_id, expires_ms, group in groups
    ]
    word: bytes = _restore_groups(
        ledger(partition),
        keys={"fence": fence_key(activity_id, partition)},
        args={"my_fence": fence, "groups": pack(packed)},
    )
    return word.decode()


def restore_stock(*, activity_id: int, bucket: Bucket, fence: int, figures: Sequence[int]) -> str:
    """Puts total, remain, lock, sold, version in place; RESTORED, OUTDATED or EXISTS. Raises RedisUnavailable."""
    partition = bucket.partition
    counted = counted_keys(activity_id, partition, fence=fence)
    word: bytes = _restore_stock(
        ledger(partition),
        keys={
            "stock": stock_key(activity_id, partition),
            "aside": aside_key(activity_id, partition),
            "bought": bought_key(activity_id, partition),
            "holds": holds_key(activity_id, partition),
            "away": away_key(activity_id, partition),
            "new_bought": counted.bought,
            "new_holds": counted.holds,
            "new_away": counted.away,
            "fence": fence_key(activity_id, partition),
            "changed": changed_key(partition),
            "news": news_key(partition),
        },
        args={
            "activity_id": str(activity_id),
            "figures": pack([str(figure) for figure in figures]),
            "my_fence": fence,
            "whole": "" if bucket.whole is None else bucket.whole,
            "epoch": bucket.epoch,
        },
    )
    return word.decode()


def _whole(text: bytes) -> int | None:
    """The number, None for a figure that is lost or damaged."""
    return int(text) if text.isdigit() else None
