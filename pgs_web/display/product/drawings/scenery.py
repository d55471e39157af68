"""What several drawings share: the backdrop of a category, ground shadow, leaf, shine."""

from pgs_web.display.product.categories import Category
from pgs_web.display.product.drawings.canvas import SIDE, Canvas

# Category: sky, floor, and the disc behind the product.
BACKDROPS: dict[Category, tuple[str, str, str]] = {
    Category.FRUIT: ("#fff6e9", "#ffe2cf", "#fff"),
    Category.SNACKS: ("#fff8e6", "#f6e3c3", "#fffdf6"),
    Category.HOME: ("#eef6f1", "#d3e8dd", "#fafffc"),
    Category.DIGITAL: ("#edf1fb", "#cfdaf3", "#fafbff"),
    Category.BABY: ("#fff1f5", "#fbd9e4", "#fffafc"),
    Category.SPORTS: ("#ebf7fb", "#c8e6f1", "#f9feff"),
    Category.BEAUTY: ("#f7f0fb", "#e6d6f1", "#fefbff"),
    Category.OTHER: ("#f4f4f2", "#e2e2dc", "#fff"),
}


def draw_backdrop(canvas: Canvas, category: Category) -> None:
    """A lit wall and floor with a pale disc that the product stands before."""
    sky, floor, disc = BACKDROPS[category]
    canvas.box(0, 0, SIDE, SIDE, canvas.linear(sky, floor))
    canvas.circle(200, 196, 158, disc, opacity=0.6)
    canvas.circle(200, 196, 128, disc, opacity=0.55)
    for x, y, radius in ((52, 64, 9), (348, 92, 14), (330, 46, 5), (38, 322, 6), (366, 300, 8)):
        canvas.circle(x, y, radius, disc, opacity=0.75)


def draw_shadow(canvas: Canvas, x: float, y: float, across: float, down: float = 13) -> None:
    """A soft shadow on the floor."""
    shade = canvas.radial("rgba(58,44,60,.42)", "rgba(58,44,60,.16)", "rgba(58,44,60,0)", x=0.5, y=0.5, reach=0.5)
    canvas.ellipse(x, y, across, down, shade)


def draw_leaf(canvas: Canvas, x: float, y: float, length: float, turn: float, dark: str = "#3f8f3a") -> None:
    """A leaf growing from (x, y); at 0 degrees it points to the right."""
    half = length / 2
    with canvas.moved(x, y, turn=turn):
        fill = canvas.linear("#a5d867", dark)
        canvas.path(
            f"M0 0C{half * 0.5} {-half * 0.8} {half * 1.4} {-half * 0.8} {length} 0C{half * 1.4} {half * 0.55} "
            f"{half * 0.5} {half * 0.55} 0 0Z",
            fill,
        )
        canvas.line(f"M2 0Q{half} {-length * 0.06} {length * 0.86} 0", "#fff", 1.6, opacity=0.5)


def draw_shine(
    canvas: Canvas, x: float, y: float, across: float, down: float, turn: float = -30, strength: float = 0.5
) -> None:
    """A reflection of a window."""
    with canvas.moved(x, y, turn=turn):
        canvas.ellipse(0, 0, across, down, "#fff", opacity=strength)
