"""A sheet of 400 × 400 units that drawings are put on, and the SVG text that comes of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from xml.sax.saxutils import escape, quoteattr

SIDE = 400


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Canvas:
    """Collects shapes in painting order. Colours are CSS colours or what `linear` and `radial` return."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._definitions: list[str] = []
        self._shapes: list[str] = []
        self._known: dict[str, str] = {}

    def linear(self, *colours: str, angle: float = 90) -> str:
        """A gradient from the first colour to the last; 90 degrees runs from top to bottom, 0 from left to right."""
        return self._define(
            f'<linearGradient id="{{name}}" gradientTransform="rotate({_number(angle)} .5 .5)">'
            f"{_stops(colours)}</linearGradient>"
        )

    def radial(self, *colours: str, x: float = 0.36, y: float = 0.3, reach: float = 0.8) -> str:
        """A gradient around a light spot at (x, y), both as parts of the shape's size."""
        return self._define(
            f'<radialGradient id="{{name}}" cx="{_number(x)}" cy="{_number(y)}" r="{_number(reach)}">'
            f"{_stops(colours)}</radialGradient>"
        )

    def circle(self, x: float, y: float, radius: float, fill: str, **more: float | str) -> None:
        self._shape("circle", cx=x, cy=y, r=radius, fill=fill, **more)

    def ellipse(self, x: float, y: float, across: float, down: float, fill: str, **more: float | str) -> None:
        self._shape("ellipse", cx=x, cy=y, rx=across, ry=down, fill=fill, **more)

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, *, corner: float = 0, **more: float | str
    ) -> None:
        self._shape("rect", x=x, y=y, width=width, height=height, rx=corner, fill=fill, **more)

    def path(self, d: str, fill: str, **more: float | str) -> None:
        self._shape("path", d=d, fill=fill, **more)

    def line(self, d: str, colour: str, width: float = 4, **more: float | str) -> None:
        """A stroke with round ends along a path."""
        self._shape(
            "path",
            d=d,
            fill="none",
            stroke=colour,
            stroke_width=width,
            stroke_linecap="round",
            stroke_linejoin="round",
            **more,
        )

    def word(self, x: float, y: float, text: str, colour: str, size: float, **more: float | str) -> None:
        """A short Latin text centred at (x, y)."""
        attributes = _attributes(
            {
                "x": x,
                "y": y,
                "fill": colour,
                "font_size": size,
                "text_anchor": "middle",
                "font_family": "Helvetica, Arial, sans-serif",
                "font_weight": "bold",
                **more,
            }
        )
        self._shapes.append(f"<text{attributes}>{escape(text)}</text>")

    @contextmanager
    def moved(self, x: float = 0, y: float = 0, *, turn: float = 0, scale: float = 1) -> Iterator[None]:
        """What is drawn inside has its origin at (x, y), turned clockwise by degrees and scaled."""
        steps = f"translate({_number(x)} {_number(y)})"
        steps += f" rotate({_number(turn)})" if turn else ""
        steps += f" scale({_number(scale)})" if scale != 1 else ""
        self._shapes.append(f'<g transform="{steps}">')
        yield
        self._shapes.append("</g>")

    @contextmanager
    def inside(self, d: str) -> Iterator[None]:
        """What is drawn inside shows only within the path."""
        clip = self._define(f'<clipPath id="{{name}}"><path d={quoteattr(d)}/></clipPath>')
        self._shapes.append(f'<g clip-path="{clip}">')
        yield
        self._shapes.append("</g>")

    def svg(self) -> str:
        """The whole picture as SVG text: no script, no link, nothing loaded from elsewhere."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" role="img">'
            f"<title>{escape(self._title)}</title><defs>{''.join(self._definitions)}</defs>"
            f"{''.join(self._shapes)}</svg>\n"
        )

    def _shape(self, tag: str, **attributes: float | str) -> None:
        self._shapes.append(f"<{tag}{_attributes(attributes)}/>")

    def _define(self, template: str) -> str:
        # The same gradient twice is one definition.
        if template not in self._known:
            name = f"d{len(self._known)}"
            self._known[template] = f"url(#{name})"
            self._definitions.append(template.replace("{name}", name))
        return self._known[template]


def _stops(colours: Sequence[str]) -> str:
    last = max(len(colours) - 1, 1)
    return "".join(
        f'<stop offset="{_number(index / last)}" stop-color={quoteattr(colour)}/>'
        for index, colour in enumerate(colours)
    )


def _attributes(attributes: dict[str, float | str]) -> str:
    return "".join(
        f" {name.replace('_', '-')}={quoteattr(value if isinstance(value, str) else _number(value))}"
        for name, value in attributes.items()
    )
