"""What a game tells operators: figures, and what its rules mean for a shopper; plain values, which pgs_admin shows."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise


class Unit(StrEnum):
    """What a figure counts."""

    COUNT = "count"
    FEN = "fen"


@dataclass(frozen=True, kw_only=True)
class OwnFigure:
    """A figure that a game counts by `count_figures` under `name`, beside those that all games have."""

    name: str
    title: str | Promise
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure that a game reads when it is asked; `of`: the most that it may become, such as a money envelope."""

    title: str | Promise
    value: int
    unit: Unit = Unit.COUNT
    of: int | None = None


@dataclass(frozen=True, kw_only=True)
class PreviewLine:
    """One thing that a shopper will see, or that the shop will pay; both are plain text."""

    title: str | Promise
    text: str


def say_fen(fen: int) -> str:
    """¥12.34 of 1234 fen, for previews."""
    return f"{'-' if fen < 0 else ''}¥{abs(fen) // 100}.{abs(fen) % 100:02d}"
