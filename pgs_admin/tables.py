"""Small tables inside a detail page; every cell is escaped."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from pgs_web.display import money

# A detail page shows so many rows of a kind and says when there are more.
ROWS_SHOWN = 100


def show_table(headers: Sequence[Any], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Rows as an HTML table, or a dash when there are none."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        return format_html("{}", "-")
    head = format_html_join("", "<th>{}</th>", ((header,) for header in headers))
    lines = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((value,) for value in row)),) for row in cells),
    )
    table = "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
    return format_html('<div class="pgs-table">{}</div>', format_html(table, head, lines))


def show_yuan(fen: int | None) -> str:
    """¥12.34 of 1234 fen, a dash for nothing."""
    return "-" if fen is None else money.show_yuan(fen)


def link(page: str, row_id: int | None) -> SafeString:
    """A row's number that leads to its page; `page` is like order_order."""
    if row_id is None:
        return format_html("{}", "-")
    url = reverse(f"admin:{page}_change", args=[row_id])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, row_id)


def link_to(page: str) -> Callable[[int | None], SafeString]:
    """`link` to rows of one page, for a column."""
    return partial(link, page)


def column(title: str | Promise, field: str, show: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """A method of a ModelAdmin that shows a row's field in the operator's words, under a title."""

    @display(description=title)
    def cell(_admin: Any, row: Any) -> Any:
        return show(getattr(row, field))

    return cast("Callable[[Any, Any], Any]", cell)


def show_raw(text: str) -> SafeString:
    """A stranger's text, as it came: escaped, in fixed width, broken anywhere."""
    return format_html('<code class="pgs-raw">{}</code>', text)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_html("<time>{}</time>", date_format(timezone.localtime(value), "Y-m-d H:i:s"))
    return "-" if value is None or value == "" else value
