"""Amounts that gateways write in yuan, read and written as whole fen without a float between."""

import re

EXACT = re.compile(r"(0|[1-9][0-9]{0,11})\.([0-9]{2})")
BOOKED = re.compile(r"(-?)(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,6}))?")


def write_yuan(fen: int) -> str:
    """990 fen as "9.90"."""
    if fen < 0:
        raise ValueError("An amount isn't negative.")
    return f"{fen // 100}.{fen % 100:02d}"


def read_yuan(text: object) -> int:
    """Fen of "9.90", which are 990; raises ValueError for all but ASCII digits with exactly two decimals."""
    match = EXACT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("An amount is written in yuan with exactly two decimals.")
    return int(match[1]) * 100 + int(match[2])


def read_booked_yuan(text: str) -> int:
    """An amount of a statement: signed, up to six decimals of which only two may say something; raises ValueError."""
    sign, whole, decimals = _parts(text)
    if decimals[2:].strip("0"):
        raise ValueError("An amount has no parts of a fen.")
    return sign * (whole * 100 + int(decimals[:2]))


def read_booked_fee(text: str) -> int:
    """A fee of a statement, which may have parts of a fen, rounded half away from zero; raises ValueError."""
    sign, whole, decimals = _parts(text)
    parts = int(decimals.ljust(6, "0"))
    return sign * (whole * 100 + (parts + 5_000) // 10_000)


def _parts(text: str) -> tuple[int, int, str]:
    match = BOOKED.fullmatch(text)
    if match is None:
        raise ValueError("An amount is written in yuan.")
    return -1 if match[1] else 1, int(match[2]), (match[3] or "").ljust(2, "0")
