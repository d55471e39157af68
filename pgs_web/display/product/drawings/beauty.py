"""Personal care."""

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_leaf, draw_shadow, draw_shine


def draw_toothbrush(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 334, 110)
    for x, light, dark, turn in ((150, "#ffd0df", "#e98fae", -8), (252, "#cfe3ff", "#86aee8", 8)):
        with canvas.moved(x, 200, turn=turn):
            canvas.path(
                "M-22 -20Q-24 -34 -10 -40L10 -40Q24 -34 22 -20L28 110Q28 130 10 132L-10 132Q-28 130 -28 110Z",
                canvas.linear("#ffffff", light, dark, angle=0),
            )
            canvas.box(-6, -94, 12, 58, "#eef1f6", corner=5)
            canvas.box(-17, -140, 34, 54, "#ffffff", corner=12, stroke="#d7dce6", stroke_width=2)
            for step in range(4):
                for column in range(4):
                    canvas.box(
                        -13 + column * 7, -134 + step * 11, 5, 9, dark if (step + column) % 2 else "#7fd6c2", corner=2
                    )
            canvas.circle(0, 6, 12, dark)
            canvas.circle(0, 6, 6, "#fff", opacity=0.85)
            for y in (36, 50, 64):
                canvas.circle(0, y, 3.4, "#7fd6c2" if y == 36 else "#cfd5e2")
            canvas.line("M-16 -12L-20 108", "#fff", 6, opacity=0.8)
    for x, y, radius in ((86, 112, 12), (66, 140, 7), (330, 108, 14), (346, 146, 8), (200, 76, 9)):
        canvas.circle(x, y, radius, "#fff", opacity=0.8)


def draw_hand_cream(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 328, 108)
    with canvas.moved(204, 200, turn=10):
        canvas.path("M-62 -124L62 -124L46 76L-46 76Z", canvas.linear("#ffe3ea", "#f7b3c6", "#dd7d9b", angle=0))
        canvas.box(-68, -134, 136, 18, canvas.linear("#fbd0dc", "#e08fab"), corner=5)
        for x in range(-60, 62, 11):
            canvas.line(f"M{x} -131L{x} -120", "#c66f8f", 2.4, opacity=0.6)
        canvas.box(-44, 72, 88, 54, canvas.linear("#fff8ec", "#f0d8b0", "#d8b784", angle=0), corner=10)
        for x in range(-34, 36, 12):
            canvas.line(f"M{x} 82L{x} 116", "#b8935a", 2.6, opacity=0.5)
        for turn in range(0, 360, 60):
            with canvas.moved(0, -44, turn=turn):
                canvas.path("M0 -4C-16 -18 -14 -38 0 -42C14 -38 16 -18 0 -4Z", "#fff", opacity=0.92)
        canvas.circle(0, -44, 9, "#ffd166")
        canvas.word(0, 28, "HAND", "#b04f72", 20)
        canvas.word(0, 50, "CREAM", "#b04f72", 20)
        canvas.path("M-50 -110L-36 70L-24 70L-34 -110Z", "#fff", opacity=0.45)
    draw_leaf(canvas, 96, 300, 60, -30)
    draw_leaf(canvas, 92, 304, 52, -80, "#54a75b")


def draw_shampoo(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 334, 96)
    canvas.path(
        "M186 118L186 82L150 82Q132 82 128 96L122 96Q120 66 150 64L210 64Q222 64 222 76L222 118Z",
        canvas.linear("#fdfbff", "#c9b8e0"),
    )
    canvas.box(170, 114, 68, 30, canvas.linear("#ffffff", "#cdbde3"), corner=8)
    body = "M160 142L248 142Q284 158 284 196L284 306Q284 334 256 334L152 334Q124 334 124 306L124 196Q124 158 160 142Z"
    canvas.path(body, canvas.linear("#e3cff7", "#b78ee2", "#8c60c0", angle=0))
    canvas.path(
        "M150 206Q150 190 166 190L242 190Q258 190 258 206L258 288Q258 304 242 304L166 304Q150 304 150 288Z",
        "#fffdf8",
        opacity=0.95,
    )
    canvas.path(
        "M204 206C186 236 178 248 182 264C186 282 222 282 226 264C230 248 222 236 204 206Z",
        canvas.linear("#cfeaf7", "#7cc0e0"),
    )
    draw_leaf(canvas, 204, 284, 40, -40)
    draw_leaf(canvas, 204, 284, 40, -140, "#54a75b")
    canvas.path("M138 190Q140 168 158 158L158 322L152 322Q138 320 138 306Z", "#fff", opacity=0.4)
    for x, y, radius in (
        (92, 258, 18),
        (70, 292, 12),
        (104, 306, 9),
        (318, 250, 14),
        (338, 284, 20),
        (310, 308, 10),
        (100, 216, 8),
    ):
        canvas.circle(x, y, radius, canvas.radial("#ffffff", "#f3ecff", "#d5c3f0"), opacity=0.92)
        draw_shine(canvas, x - radius * 0.35, y - radius * 0.4, radius * 0.24, radius * 0.14, -40, 0.95)


def draw_hair_dryer(canvas: Canvas) -> None:
    draw_shadow(canvas, 196, 334, 104)
    with canvas.moved(186, 222, turn=10):
        canvas.path(
            "M-12 0L34 0L44 106Q40 118 22 118Q2 118 0 106Z", canvas.linear("#f0d9fb", "#c49be6", "#9a6bd0", angle=0)
        )
        canvas.box(14, 26, 16, 38, "#fff", corner=8)
        canvas.box(17, 30, 10, 16, "#ff8fab", corner=5)
    canvas.line("M208 338C220 356 262 352 282 338", "#8c60c0", 7)
    canvas.path(
        "M96 152C96 100 138 76 186 78L284 96Q296 98 296 112L296 192Q296 206 284 208L186 226C138 228 96 204 96 152Z",
        canvas.linear("#f8ecff", "#d3b0ef", "#a377d4"),
    )
    canvas.path("M290 100L322 94Q330 94 330 104L330 200Q330 210 322 210L290 204Z", canvas.linear("#6e5791", "#40305e"))
    canvas.circle(158, 152, 50, "#fdf8ff", opacity=0.9)
    for radius in (42, 31, 20):
        canvas.circle(158, 152, radius, "none", stroke="#b691dd", stroke_width=4)
    canvas.circle(158, 152, 9, "#ff8fab")
    canvas.path("M116 118C132 92 164 86 196 90L262 102C214 100 160 104 124 132Z", "#fff", opacity=0.75)
    for y in (118, 152, 186):
        canvas.line(f"M342 {y}C352 {y - 8} 360 {y + 8} 372 {y}", "#ff9fb4", 6, opacity=0.85)


def draw_soap(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 318, 146)
    canvas.path(
        "M66 266Q66 250 84 250L316 250Q334 250 334 266L316 304Q310 316 294 316L106 316Q90 316 84 304Z",
        canvas.linear("#d9b48a", "#a87845"),
    )
    for x in range(104, 310, 26):
        canvas.line(f"M{x} 262L{x + 4} 304", "#8a5c2e", 4, opacity=0.5)
    for x, y, turn, light, dark in ((212, 216, -3, "#d7f0dc", "#8cc79a"), (192, 156, 5, "#fde2ea", "#eaa3b9")):
        with canvas.moved(x, y, turn=turn):
            canvas.box(-108, -34, 216, 74, dark, corner=26)
            canvas.box(-108, -42, 216, 70, canvas.linear("#ffffff", light, dark), corner=26)
            canvas.box(-84, -26, 168, 38, "none", corner=15, stroke="#fff", stroke_width=4, opacity=0.85)
    canvas.word(192, 162, "LOTUS", "#c2688a", 24, transform="rotate(5 192 162)")
    for turn in (-60, -30, 0, 30, 60):
        with canvas.moved(196, 114, turn=turn):
            canvas.path("M0 4C-16 -14 -14 -44 0 -58C14 -44 16 -14 0 4Z", canvas.linear("#ff9fbd", "#fff3f7"))
    for x, y, radius in ((88, 136, 17), (68, 170, 10), (326, 150, 20), (344, 192, 11), (306, 118, 9), (104, 104, 8)):
        canvas.circle(x, y, radius, canvas.radial("#ffffff", "#f6efff", "#d9c9ef"), opacity=0.92)
        draw_shine(canvas, x - radius * 0.35, y - radius * 0.4, radius * 0.24, radius * 0.14, -40, 0.95)


BEAUTY_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "toothbrush": draw_toothbrush,
    "hand_cream": draw_hand_cream,
    "shampoo": draw_shampoo,
    "hair_dryer": draw_hair_dryer,
    "soap": draw_soap,
}
