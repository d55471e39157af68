"""What a benchmark found: a table on the terminal, the same as JSON, and its curves as a picture."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness.machine import Machine, read_machine
from benchmarks.harness.plot import Curve, draw_curves
from benchmarks.harness.shop import PrivateShop

FOLDER = Path("build") / "bench"
# Of a table in a file or a pipe, where nobody says how wide it may be.
UNKNOWN_WIDTH = 150


@dataclass(frozen=True)
class Figure:
    """One line: a value, what the same machine did without us in the same run, and what we want it to be.

    `ratio` is value / baseline. Bounds are what the project promises; a missed one is shown and is no failure, because
    a busy or a slow machine misses it too.
    """

    what: str
    value: float
    unit: str
    baseline: float | None = None
    baseline_is: str = ""
    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None
    ratio_at_most: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def is_reached(self) -> bool | None:
        """None when nothing is promised."""
        bounds = [
            (self.value, self.at_least, self.at_most),
            (self.ratio, self.ratio_at_least, self.ratio_at_most),
        ]
        verdicts = [
            found is not None and (low is None or found >= low) and (high is None or found <= high)
            for found, low, high in bounds
            if low is not None or high is not None
        ]
        return all(verdicts) if verdicts else None

    def promise(self) -> str:
        """The bounds in words."""
        words = [
            f"{sign} {_number(bound)}{suffix}"
            for sign, bound, suffix in (
                ("≥", self.at_least, ""),
                ("≤", self.at_most, ""),
                ("≥", self.ratio_at_least, " ×"),
                ("≤", self.ratio_at_most, " ×"),
            )
            if bound is not None
        ]
        return ", ".join(words)


@dataclass
class Report:
    """Collects figures as they are found and tells each at once; `finish` ends the benchmark.

    Make it first: it notes how busy the machine is before the benchmark makes it so.
    """

    name: str
    title: str
    folder: Path = FOLDER
    machine: Machine = field(default_factory=read_machine)
    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    console: Console = field(default_factory=lambda: Console(width=None if sys.stdout.isatty() else UNKNOWN_WIDTH))
    _began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """A line of progress."""
        self.console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/dim] {text}", highlight=False)

    def add(self, figure: Figure) -> None:
        """Keeps a figure and tells it."""
        self.figures.append(figure)
        ratio = "" if figure.ratio is None else f", {figure.ratio:.2f} × {figure.baseline_is}"
        self.say(f"{figure.what}: {_number(figure.value)} {figure.unit}{ratio}")

    def add_curve(self, curve: Curve) -> None:
        """Keeps a line of the picture; curves of the same `axes` share one."""
        self.curves.append(curve)

    def fail(self, reason: str) -> None:
        """Something is wrong with the shop, not slow: the benchmark's figures are worth nothing."""
        self.broken.append(reason)
        self.say(f"[red]{reason}[/red]")

    def check_invariants(self, shop: PrivateShop, *, wait_seconds: float = 120, only: Sequence[str] = ()) -> None:
        """Waits for quiet and judges the shop; what doesn't hold makes `finish` fail. With `only` it doesn't wait."""
        verdicts = shop.check_invariants(wait_seconds=wait_seconds, only=only)
        for verdict in verdicts:
            if not verdict["ok"]:
                self.fail(f"invariant {verdict['id']}: {verdict['promise']} {verdict['offenders'][:3]}")
        if not verdicts:
            self.fail("no invariant was judged")
        held = sum(bool(verdict["ok"]) for verdict in verdicts)
        self.say(f"{held} of {len(verdicts)} invariants hold")

    def finish(self) -> int:
        """Prints the table, writes JSON and picture; the exit code, 1 when something is broken."""
        self.console.print(self._table())
        self.console.print(self.machine.line(), highlight=False, soft_wrap=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.name}.json"
        path.write_text(json.dumps(self._content(), indent=2, ensure_ascii=False))
        written = [path, *draw_curves(self.curves, self.folder / self.name, title=self.title)]
        self.console.print(f"written: {', '.join(map(str, written))}", highlight=False, soft_wrap=True)
        for reason in self.broken:
            self.console.print(f"[red]broken: {reason}[/red]", highlight=False)
        return 1 if self.broken else 0

    def exit(self) -> None:
        """Ends the process after `finish`."""
        sys.exit(self.finish())

    def _table(self) -> Table:
        table = Table(title=self.title, title_justify="left", header_style="bold")
        for heading in ("figure", "value", "unit", "baseline", "is", "ratio", "wanted", ""):
            is_number = heading in {"value", "baseline", "ratio"}
            table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
        for figure in self.figures:
            verdict = {None: "", True: "[green]reached[/green]", False: "[yellow]short[/yellow]"}[figure.is_reached]
            table.add_row(
                figure.what + (f" ({figure.note})" if figure.note else ""),
                _number(figure.value),
                figure.unit,
                "" if figure.baseline is None else _number(figure.baseline),
                figure.baseline_is,
                "" if figure.ratio is None else f"{figure.ratio:.2f}",
                figure.promise(),
                verdict,
            )
        return table

    def _content(self) -> dict[str, object]:
        return {
            "name": self.name,
            "title": self.title,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._began, 1),
            "machine": asdict(self.machine),
            "figures": [
                {**asdict(figure), "ratio": figure.ratio, "is_reached": figure.is_reached} for figure in self.figures
            ],
            "curves": [asdict(curve) for curve in self.curves],
            "broken": self.broken,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are at or below; raises ValueError when there is none."""
    if not values:
        raise ValueError("There are no values.")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:,.3g}"
