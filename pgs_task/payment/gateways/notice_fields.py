"""Reads a signed notice strictly: a gateway that sends something else has changed, or isn't the gateway."""

import re
from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import ParseError

from pgs_data.ids.layout import InvalidId, parse_id
from pgs_task.payment.errors import MalformedNotice
from pgs_web.api.parsers import parse_object

# Visible ASCII: numbers are compared, indexed and logged.
NUMBER = re.compile(r"[!-~]{1,64}")
LARGEST_AMOUNT_FEN = 2**63 - 1


def read_json_object(body: bytes) -> dict[str, Any]:
    """The object in the body; raises MalformedNotice, also for doubled names, NaN and anything but UTF-8."""
    try:
        return parse_object(body)
    except ParseError as error:
        raise MalformedNotice(str(error.detail)) from error


def read_number(document: dict[str, Any], name: str) -> str:
    """A gateway's number: 1 to 64 visible ASCII characters."""
    value = document.get(name)
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise MalformedNotice(f"{name} must be a string of 1 to 64 visible ASCII characters.")
    return value


def read_payment_id(document: dict[str, Any], name: str) -> int:
    """The id of one of our payments."""
    try:
        return parse_id(document.get(name))  # type: ignore[arg-type]
    except InvalidId as error:
        raise MalformedNotice(f"{name} must be a payment's id as a string.") from error


def read_amount_fen(document: dict[str, Any], name: str) -> int:
    """A positive integer; `true`, 1.0 and "1" are refused although Python would take them for 1."""
    value = document.get(name)
    if type(value) is not int or not 0 < value <= LARGEST_AMOUNT_FEN:
        raise MalformedNotice(f"{name} must be a positive integer.")
    return value


def read_text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise MalformedNotice(f"{name} must be a string.")
    return value


def read_moment(document: dict[str, Any], name: str) -> datetime | None:
    """An ISO 8601 time with its offset, or None for null or nothing."""
    value = document.get(name)
    if value is None:
        return None
    try:
        said = datetime.fromisoformat(value)
        # Near the years 1 and 9999 it can't be turned into UTC.
        moment = said.astimezone(UTC) if said.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        moment = None
    if moment is None:
        raise MalformedNotice(f"{name} must be an ISO 8601 time with an offset.")
    return moment
