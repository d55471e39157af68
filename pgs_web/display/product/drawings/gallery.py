"""Every drawing by name."""

from collections.abc import Callable

from pgs_web.display.product.categories import Category
from pgs_web.display.product.drawings.baby import BABY_DRAWINGS
from pgs_web.display.product.drawings.beauty import BEAUTY_DRAWINGS
from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.digital import DIGITAL_DRAWINGS
from pgs_web.display.product.drawings.fruit import FRUIT_DRAWINGS
from pgs_web.display.product.drawings.home import HOME_DRAWINGS
from pgs_web.display.product.drawings.scenery import draw_backdrop
from pgs_web.display.product.drawings.snacks import SNACK_DRAWINGS
from pgs_web.display.product.drawings.sports import SPORT_DRAWINGS

DRAWINGS_OF_CATEGORY: dict[Category, dict[str, Callable[[Canvas], None]]] = {
    Category.FRUIT: FRUIT_DRAWINGS,
    Category.SNACKS: SNACK_DRAWINGS,
    Category.HOME: HOME_DRAWINGS,
    Category.DIGITAL: DIGITAL_DRAWINGS,
    Category.BABY: BABY_DRAWINGS,
    Category.SPORTS: SPORT_DRAWINGS,
    Category.BEAUTY: BEAUTY_DRAWINGS,
}


def draw_picture(category: Category, drawing: str, *, title: str) -> str:
    """The SVG text of a drawing before its category's backdrop; raises KeyError when there is no such drawing."""
    canvas = Canvas(title)
    draw_backdrop(canvas, category)
    DRAWINGS_OF_CATEGORY[category][drawing](canvas)
    return canvas.svg()
