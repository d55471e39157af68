"""Reads the sandbox gateway's statement as a shop does: page by page over HTTP, or from a file."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import httpx
from django.urls import reverse

from pgs_task.payment.errors import NoticeRefused
from pgs_task.payment.gateways.contract import GatewayUnavailable, LineKind, StatementLine, StatementUnreadable
from pgs_task.payment.gateways.notice_fields import (
    read_amount_fen,
    read_json_object,
    read_number,
    read_payment_id,
    read_text,
)
from pgs_web.api.errors import Refusal

# A page stays below what the JSON reader takes.
PAGE_SIZE = 150
TIMEOUT_SECONDS = 5.0
# More pages than the longest statement has: a bank that never stops isn't believed.
MOST_PAGES = 100_000
COLUMNS = ("kind", "payment_id", "trade_no", "amount_fen", "refund_no", "fee_fen")
LONGEST_LINE = 1_000
LARGEST_FEE_FEN = 2**62


def fetch_pages(*, base_url: str, day: date) -> Iterator[StatementLine]:
    """Every line of the day; raises GatewayUnavailable when a page doesn't come, StatementUnreadable for nonsense."""
    url = base_url.rstrip("/") + reverse("sandbox_gateway:statement")
    cursor: str | None = None
    for _page in range(MOST_PAGES):
        query = {"date": day.isoformat(), "page_size": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
        document = _read_page(url, query)
        results = document.get("results")
        if not isinstance(results, list):
            raise StatementUnreadable("a page has no results")
        for result in results:
            yield _read_line(result)
        cursor = _cursor_of(document.get("next"))
        if cursor is None:
            return
    raise StatementUnreadable("the statement doesn't end")


def read_csv(file: BinaryIO) -> Iterator[StatementLine]:
    """The lines of a CSV file in UTF-8 whose columns are named like the results of a page."""
    lines = _text_lines(file)
    reader = csv.DictReader(lines, strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise StatementUnreadable(f"the columns must be {', '.join(COLUMNS)}")
        for row in reader:
            if None in row:
                raise StatementUnreadable("a line has more fields than there are columns")
            yield _read_line({name: _value_of(name, text) for name, text in row.items() if text})
    except csv.Error as error:
        raise StatementUnreadable("a line isn't CSV") from error


def _read_page(url: str, query: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer = _client().get(url, params=query)
    except httpx.HTTPError as error:
        raise GatewayUnavailable(f"the statement isn't answered: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise GatewayUnavailable(f"the statement was answered with {answer.status_code}")
    try:
        return read_json_object(answer.content)
    except Refusal as error:
        raise StatementUnreadable("a page isn't a JSON object of a page's length") from error


def _cursor_of(following: Any) -> str | None:
    """The place in the next page's address; the address itself is never called."""
    if following is None:
        return None
    cursors = parse_qs(urlsplit(following).query).get("cursor") if isinstance(following, str) else None
    if not cursors:
        raise StatementUnreadable("a page's next has no cursor")
    return cursors[0]


def _read_line(document: Any) -> StatementLine:
    if not isinstance(document, dict):
        raise StatementUnreadable("a line isn't an object")
    try:
        kind = LineKind(read_text(document, "kind"))
        return StatementLine(
            kind=kind,
            payment_id=read_payment_id(document, "payment_id"),
            trade_no=read_number(document, "trade_no"),
            amount_fen=read_amount_fen(document, "amount_fen"),
            refund_no=read_number(document, "refund_no") if kind == LineKind.REFUND else "",
            fee_fen=_read_fee(document),
        )
    except (NoticeRefused, ValueError) as error:
        raise StatementUnreadable(f"a line can't be read: {error}") from error


def _read_fee(document: Mapping[str, Any]) -> int | None:
    fee_fen = document.get("fee_fen")
    if fee_fen is not None and (type(fee_fen) is not int or abs(fee_fen) > LARGEST_FEE_FEN):
        raise StatementUnreadable("fee_fen must be an integer")
    return fee_fen


def _value_of(name: str, text: str) -> str | int:
    if not name.endswith("_fen"):
        return text
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise StatementUnreadable(f"{name} must be an integer")
    return int(text)


def _text_lines(file: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        while line := text.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise StatementUnreadable("a line is too long")
            yield line
    except UnicodeDecodeError as error:
        raise StatementUnreadable("the file isn't UTF-8") from error
    finally:
        # The caller closes its file.
        text.detach()


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
