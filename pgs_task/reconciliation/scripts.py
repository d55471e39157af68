"""The rebuild's scripts; all of them obey the lease of one rebuild only."""

from collections.abc import Sequence

from pgs_data.lua.blobs import pack
from pgs_data.lua.loader import Script
from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of, tag
from pgs_web.trade.group.keys import period_of_group
from pgs_web.trade.group.packed import PackedGroup
from pgs_web.trade.stock.keys import bought_key, changed_key, holds_key, news_key, stock_key

_set_stock_aside = Script.load("pgs_task.reconciliation", "set_stock_aside")
_restore_groups = Script.load("pgs_task.reconciliation", "restore_groups")
_restore_stock = Script.load("pgs_task.reconciliation", "restore_stock")


def fence_key(activity_id: int) -> str:
    """Number of the lease of the last rebuild."""
    return f"{tag(partition_of(activity_id))}:rebuild_fence:{activity_id:d}"


def aside_key(activity_id: int) -> str:
    """The stock while it is rebuilt; what it says of total and version is newer than the database's copy."""
    return f"{stock_key(activity_id)}:aside"


def counted_keys(activity_id: int, *, fence: int) -> tuple[str, str]:
    """Where one rebuild counts units of members and holds: one that was late must not write into another's."""
    return f"{bought_key(activity_id)}:new:{fence:d}", f"{holds_key(activity_id)}:new:{fence:d}"


def set_stock_aside(*, activity_id: int, fence: int, is_sure: bool) -> tuple[str, int | None, int | None]:
    """ASIDE or OUTDATED, and the total and version that the stock had; raises RedisUnavailable."""
    word, total, version = _set_stock_aside(
        ledger(partition_of(activity_id)),
        keys={"stock": stock_key(activity_id), "aside": aside_key(activity_id), "fence": fence_key(activity_id)},
        args={"my_fence": fence, "is_sure": int(is_sure)},
    )
    return word.decode(), _whole(total), _whole(version)


def restore_groups(*, activity_id: int, fence: int, groups: Sequence[tuple[int, int, PackedGroup]]) -> str:
    """Writes (group id, expiry in ms, group); WRITTEN or OUTDATED. Raises RedisUnavailable."""
    packed = [
        [str(period_of_group(group_id)), str(group_id), str(expires_ms), group.pack()]
        for group_id, expires_ms, group in groups
    ]
    word: bytes = _restore_groups(
        ledger(partition_of(activity_id)),
        keys={"fence": fence_key(activity_id)},
        args={"my_fence": fence, "groups": pack(packed)},
    )
    return word.decode()


def restore_stock(*, activity_id: int, fence: int, figures: Sequence[int]) -> str:
    """Puts total, remain, lock, sold, version in place; RESTORED, OUTDATED or EXISTS. Raises RedisUnavailable."""
    partition = partition_of(activity_id)
    new_bought, new_holds = counted_keys(activity_id, fence=fence)
    word: bytes = _restore_stock(
        ledger(partition),
        keys={
            "stock": stock_key(activity_id),
            "aside": aside_key(activity_id),
            "bought": bought_key(activity_id),
            "holds": holds_key(activity_id),
            "new_bought": new_bought,
            "new_holds": new_holds,
            "fence": fence_key(activity_id),
            "changed": changed_key(partition),
            "news": news_key(partition),
        },
        args={
            "activity_id": str(activity_id),
            "figures": pack([str(figure) for figure in figures]),
            "my_fence": fence,
        },
    )
    return word.decode()


def _whole(text: bytes) -> int | None:
    """The number, None for a figure that is lost or damaged."""
    return int(text) if text.isdigit() else None
