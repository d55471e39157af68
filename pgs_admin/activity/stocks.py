"""The stock beside its activity: live from Redis, and the database's copy with its age."""

from collections.abc import Iterable

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgs_admin.tables import show_table
from pgs_data.redis.connections import RedisUnavailable
from pgs_web.display.activity.models import Activity, ActivityStock
from pgs_web.display.activity.selectors import read_moment
from pgs_web.trade.stock.selectors import Stock, read_stocks


def read_live(activities: Iterable[Activity]) -> dict[int, Stock] | None:
    """Activity id → stock in one round trip a partition; None when Redis doesn't answer."""
    try:
        return read_stocks(activity.pk for activity in activities)
    except RedisUnavailable:
        return None


def show_short(stock: Stock | None) -> SafeString | str:
    """Sold and locked of the total, with a bar; a dash when nothing is loaded."""
    if stock is None:
        return "-"
    sold, lock = (round(100 * part / stock.total) if stock.total else 0 for part in (stock.sold, stock.lock))
    return format_html(
        '<div style="min-width:9rem">{} / {}'
        '<div style="display:flex;height:4px;border-radius:2px;overflow:hidden;background:rgb(128 128 128 / .25)">'
        '<div style="width:{}%;background:#16a34a"></div><div style="width:{}%;background:#f59e0b"></div></div></div>',
        _("%(units)d left") % {"units": stock.remain},
        stock.total,
        sold,
        lock,
    )


def show_stock(activity: Activity) -> SafeString:
    """Both stocks as a table."""
    live = read_live([activity])
    copy = ActivityStock.objects.filter(pk=activity.pk).first()
    rows: list[list[object]] = []
    if live is None:
        rows.append([_("Redis: not available"), "-", "-", "-", "-"])
    elif activity.pk in live:
        stock = live[activity.pk]
        rows.append([_("Redis, now"), stock.total, stock.remain, stock.lock, stock.sold])
    if copy is not None:
        if copy.archived_at is not None:
            where = _("archived: counted from the orders")
        else:
            where = _("database, %(seconds)d s old") % {"seconds": read_moment().stock_age_seconds(copy)}
        rows.append([where, copy.total, copy.remain, copy.lock, copy.sold])
    return show_table([_("where"), _("total"), _("remain"), _("lock"), _("sold")], rows)
