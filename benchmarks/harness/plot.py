"""Curves as SVG, drawn without a display; without matplotlib a benchmark still has its table and its JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# More stand beside the drawing, not in it.
FEW_CURVES = 5


@dataclass(frozen=True)
class Axes:
    """What is drawn against what; a logarithmic axis shows sizes that grow tenfold."""

    x: str
    y: str
    is_x_logarithmic: bool = False
    is_y_logarithmic: bool = False


@dataclass(frozen=True)
class Curve:
    """(x, y) points of one line."""

    name: str
    axes: Axes
    points: Sequence[tuple[float, float]]


def draw_curves(curves: Sequence[Curve], path: Path, *, title: str) -> list[Path]:
    """One SVG, `<path>.svg`, with one drawing for each pair of axes; the files written, none without curves."""
    if not curves or find_spec("matplotlib") is None:
        return []
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shared = list(dict.fromkeys(curve.axes for curve in curves))
    figure = Figure(figsize=(11, 4.5 * len(shared)), layout="constrained")
    figure.suptitle(title)
    for place, axes in enumerate(shared, start=1):
        drawing = figure.add_subplot(len(shared), 1, place)
        chosen = [curve for curve in curves if curve.axes == axes]
        palette = colormaps["tab20" if len(chosen) > FEW_CURVES else "tab10"]
        drawing.set_prop_cycle(color=palette(range(palette.N)))
        for curve in chosen:
            drawing.plot(*zip(*curve.points, strict=True), marker="o", markersize=3, label=curve.name)
        drawing.set_xlabel(axes.x)
        drawing.set_ylabel(axes.y)
        drawing.set_xscale("log" if axes.is_x_logarithmic else "linear")
        drawing.set_yscale("log" if axes.is_y_logarithmic else "linear")
        if not axes.is_y_logarithmic:
            # From zero: a curve that is flat has to look flat.
            drawing.set_ylim(bottom=0)
        drawing.grid(visible=True, alpha=0.3)
        if len(chosen) > FEW_CURVES:
            drawing.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        else:
            drawing.legend()
    written = path.with_suffix(".svg")
    figure.savefig(written)
    return [written]
