"""What a table says about a figure, and when a benchmark fails."""

import json
from pathlib import Path

import pytest

from benchmarks.harness.machine import Machine
from benchmarks.harness.plot import Axes, Curve, draw_curves
from benchmarks.harness.report import Figure, Report, percentile

MACHINE = Machine(2, "a processor", 8.0, "Linux 6", "3.11.7", "Redis 7.0.15", "MariaDB 10.11.6", 0.1)


def make_report(folder: Path) -> Report:
    return Report("sample", "A sample", folder=folder, machine=MACHINE)


def test_a_ratio_is_value_over_baseline():
    figure = Figure("taken", 50_000, "orders/s", 200_000, "raw")
    assert figure.ratio == 0.25
    assert Figure("taken", 50_000, "orders/s").ratio is None


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ({}, None),
        ({"at_least": 50_000}, True),
        ({"at_least": 50_001}, False),
        ({"at_most": 49_999}, False),
        ({"ratio_at_least": 0.25}, True),
        ({"ratio_at_least": 0.26}, False),
        ({"at_least": 1, "ratio_at_least": 0.26}, False),
        ({"ratio_at_most": 0.24}, False),
    ],
)
def test_a_promise_is_reached_when_every_bound_is(bounds: dict[str, float], verdict: bool | None):
    assert Figure("taken", 50_000, "orders/s", 200_000, "raw", **bounds).is_reached is verdict


def test_a_promised_ratio_without_a_baseline_is_not_reached():
    assert Figure("taken", 50_000, "orders/s", ratio_at_least=0.1).is_reached is False


def test_a_missed_figure_is_no_failure_and_a_broken_shop_is(tmp_path: Path):
    slow = make_report(tmp_path)
    slow.add(Figure("taken", 1, "orders/s", at_least=100_000))
    assert slow.finish() == 0
    slow.fail("an order is missing")
    assert slow.finish() == 1
    content = json.loads((tmp_path / "sample.json").read_text())
    assert content["broken"] == ["an order is missing"]
    assert content["figures"][0]["is_reached"] is False
    assert content["machine"]["cores"] == 2


def test_a_shop_whose_invariants_were_not_judged_is_broken(tmp_path: Path):
    class MuteShop:
        def check_invariants(self, *, wait_seconds: float, only: object):
            return []

    report = make_report(tmp_path)
    report.check_invariants(MuteShop())
    assert report.finish() == 1


def test_the_machine_line_warns_of_a_busy_machine():
    assert "BUSY" not in MACHINE.line()
    assert "BUSY" in Machine(**{**vars(MACHINE), "load": 1.5}).line()


def test_percentiles_are_values_that_were_measured():
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.slow  # needs what `make bench` installs
def test_curves_of_the_same_axes_share_a_drawing(tmp_path: Path):
    axes = Axes("activities", "µs", is_x_logarithmic=True)
    curves = [Curve("admission", axes, [(10, 1), (1000, 2)]), Curve("page", axes, [(10, 3), (1000, 3)])]
    (written,) = draw_curves(curves, tmp_path / "sample", title="A sample")
    assert written.read_text().startswith("<?xml")
    assert draw_curves([], tmp_path / "none", title="Nothing") == []
