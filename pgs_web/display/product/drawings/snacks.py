"""Snacks and drinks."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable
from math import cos, pi, radians, sin

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_leaf, draw_shadow, draw_shine


def draw_nuts(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 320, 136)
    canvas.path("M84 214L110 306Q114 320 130 320L270 320Q286 320 290 306L316 214Z", canvas.linear("#d9a066", "#a8682f"))
    canvas.path("M84 214L92 242L308 242L316 214Z", "#fff", opacity=0.16)
    almond = canvas.linear("#d08c4c", "#9c5a26")
    cashew = canvas.linear("#fbe7be", "#dfb673")
    pistachio = canvas.linear("#f5e3c0", "#cfa86c")
    for x, y, turn in ((118, 196, 20), (176, 170, -34), (238, 168, 30), (288, 196, -20), (206, 140, 8)):
        with canvas.moved(x, y, turn=turn):
            canvas.path("M0 -34C24 -14 24 22 0 36C-24 22 -24 -14 0 -34Z", almond)
            canvas.line("M-8 -8C-10 4 -8 14 -4 22M6 -12C9 2 8 14 4 24", "#7a4119", 2.4, opacity=0.6)
    for x, y, turn in ((148, 202, 0), (256, 206, 160), (206, 192, 60)):
        with canvas.moved(x, y, turn=turn):
            canvas.line("M-24 8C-18 -24 20 -24 26 6", cashew, 23)
            canvas.line("M-20 2C-14 -18 8 -22 18 -10", "#fff", 4, opacity=0.5)
    for x, y, turn in ((106, 226, -14), (184, 224, 12), (232, 228, -10), (292, 226, 20)):
        with canvas.moved(x, y, turn=turn):
            canvas.ellipse(0, 0, 29, 20, pistachio)
            canvas.path("M-24 -4C-10 -18 14 -18 25 -5C12 4 -10 6 -24 -4Z", "#93b348")
            canvas.path("M-20 -4C-8 -13 10 -13 20 -5C10 1 -8 2 -20 -4Z", "#b5cf63")
    canvas.path(
        "M84 214L110 306Q114 320 130 320L270 320Q286 320 290 306L308 242Q200 266 92 242Z",
        canvas.linear("#d9a066", "#9c5e2a"),
    )
    for y in (270, 296):
        canvas.line(f"M106 {y}Q200 {y + 20} 294 {y}", "#8a5122", 3, opacity=0.45)


def draw_chocolate(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 318, 118)
    with canvas.moved(200, 200, turn=-12):
        bar = canvas.linear("#8a5636", "#5a3220")
        piece = canvas.linear("#9c6544", "#6b3d28", angle=60)
        canvas.box(-82, -126, 164, 190, bar, corner=10)
        for row in range(4):
            for column in range(3):
                x, y = -76 + column * 52, -120 + row * 46
                canvas.box(x, y, 48, 42, piece, corner=6)
                canvas.path(
                    f"M{x + 4} {y + 38}L{x + 4} {y + 6}Q{x + 4} {y + 4} {x + 8} {y + 4}L{x + 44} {y + 4}L{x + 36} {y + 10}L{x + 12} {y + 10}L{x + 12} {y + 32}Z",
                    "#c08a64",
                    opacity=0.6,
                )
        canvas.path(
            "M-90 4L-66 -14L-44 6L-20 -12L2 8L26 -12L50 6L70 -12L90 6L90 34L-90 34Z",
            canvas.linear("#f7f7fa", "#b9bcc8"),
        )
        canvas.path("M-90 22L90 22L90 124Q90 132 82 132L-82 132Q-90 132 -90 124Z", canvas.linear("#c8354a", "#8f1e36"))
        canvas.box(-90, 40, 180, 4, "#f5cf82")
        canvas.box(-90, 112, 180, 4, "#f5cf82")
        canvas.word(0, 88, "CACAO 72", "#fbe3ae", 27)
        canvas.path("M-90 22L-58 22L-40 132L-82 132Q-90 132 -90 124Z", "#fff", opacity=0.12)


def draw_tea(canvas: Canvas) -> None:
    draw_shadow(canvas, 196, 322, 130)
    tin = canvas.linear("#2f7a55", "#55b182", "#2c7350", "#1c5238", angle=0)
    canvas.path("M96 128L96 304Q158 330 220 304L220 128Z", tin)
    canvas.ellipse(158, 128, 62, 17, "#1c5238")
    canvas.path(
        "M92 92L92 132Q158 160 224 132L224 92Z", canvas.linear("#d9b765", "#fbe7ab", "#c99e44", "#a37b2c", angle=0)
    )
    canvas.ellipse(158, 92, 66, 18, canvas.linear("#fdf0c4", "#dcb962"))
    canvas.ellipse(158, 90, 24, 7, "#c39a45")
    canvas.box(122, 176, 72, 96, "#fbf6e4", corner=6)
    draw_leaf(canvas, 156, 244, 44, -64)
    draw_leaf(canvas, 154, 246, 38, -138, "#5aa348")
    draw_leaf(canvas, 155, 250, 34, -98, "#7cbb52")
    canvas.path("M104 150L104 300Q112 304 122 307L122 156Z", "#fff", opacity=0.2)
    canvas.path("M214 252C214 306 232 316 268 316C304 316 322 306 322 252Z", canvas.linear("#ffffff", "#dfe9e6"))
    canvas.line("M322 264C352 262 350 296 314 296", "#e8efec", 9)
    canvas.ellipse(268, 252, 54, 15, "#f6fbf9")
    canvas.ellipse(268, 253, 47, 11, canvas.linear("#b9c95a", "#d8e083"))
    draw_leaf(canvas, 254, 254, 26, -8)
    for x, shift in ((252, 0), (276, 8), (296, 2)):
        canvas.line(f"M{x} 226C{x - 10} 210 {x + 10} 200 {x} {182 - shift}", "#fff", 5, opacity=0.8)


def draw_coffee(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 322, 130)
    canvas.path(
        "M118 112L110 306Q110 320 124 320L244 320Q258 320 258 306L250 112Z",
        canvas.linear("#5d4234", "#7d5c48", "#4a3327", angle=0),
    )
    canvas.path("M118 112L114 82Q184 70 254 82L250 112Z", canvas.linear("#6d4e3d", "#3f2b21"))
    canvas.line("M118 98L250 98", "#2f1f17", 3, opacity=0.6)
    canvas.box(134, 150, 100, 124, "#f7ead6", corner=10)
    canvas.circle(184, 196, 30, "#e2b77a")
    bean = canvas.linear("#8a5a35", "#54301a")
    _draw_bean(canvas, 184, 196, 22, 1.0, bean)
    canvas.word(184, 254, "COFFEE", "#5a3a28", 20)
    canvas.path("M126 112L120 316L138 318L140 112Z", "#fff", opacity=0.14)
    for x, y, turn in (
        (272, 300, 20),
        (300, 276, -40),
        (318, 306, 60),
        (290, 318, -10),
        (340, 318, 10),
        (262, 322, 80),
    ):
        _draw_bean(canvas, x, y, turn, 0.9, bean)


def _draw_bean(canvas: Canvas, x: float, y: float, turn: float, scale: float, fill: str) -> None:
    with canvas.moved(x, y, turn=turn, scale=scale):
        canvas.ellipse(0, 0, 14, 20, fill)
        canvas.line("M0 -18C-8 -6 8 6 0 18", "#2f190c", 3)
        canvas.ellipse(-6, -7, 3, 6, "#fff", opacity=0.25)


def draw_cookies(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 316, 140)
    dough = canvas.radial("#f7d79c", "#e0a95c", "#b97a35", x=0.36, y=0.28, reach=0.85)
    chip = canvas.linear("#7a482b", "#42220f")
    for x, y, radius in ((142, 172, 76), (262, 188, 72), (196, 244, 74)):
        canvas.circle(x, y + 6, radius, "#a56a2b")
        canvas.circle(x, y, radius, dough)
        for index in range(8):
            angle = index * 2.4 + radius
            away = radius * (0.22 + 0.085 * index)
            shift_x, shift_y = away * sin(angle), away * cos(angle)
            with canvas.moved(x + shift_x, y + shift_y, turn=index * 47):
                canvas.path("M-9 4C-11 -6 -2 -11 6 -8C13 -4 10 7 2 9C-3 10 -8 9 -9 4Z", chip)
                canvas.ellipse(-2, -4, 3, 1.8, "#fff", opacity=0.4)
        for index in range(5):
            canvas.line(
                f"M{x - radius * 0.5 + index * 17} {y - radius * 0.62 + (index * 29 % 50)}l5 4",
                "#a46a2c",
                2.2,
                opacity=0.5,
            )


def draw_honey(canvas: Canvas) -> None:
    draw_shadow(canvas, 192, 322, 112)
    glass = "M114 156Q98 168 98 194L98 286Q98 318 130 318L252 318Q284 318 284 286L284 194Q284 168 268 156Z"
    canvas.path(glass, canvas.linear("#ffd668", "#f9a91e", "#d97a08"))
    canvas.path(glass, canvas.linear("rgba(255,255,255,.45)", "rgba(255,255,255,0)", "rgba(150,70,0,.22)", angle=0))
    canvas.box(112, 108, 158, 46, canvas.linear("#f6f0e2", "#cdbf9e"), corner=10)
    for x in range(126, 266, 14):
        canvas.line(f"M{x} 116L{x} 146", "#b7a681", 2.4, opacity=0.6)
    canvas.path("M104 100Q191 76 278 100L286 128Q191 108 96 128Z", canvas.linear("#e9573f", "#b93a28"))
    canvas.box(128, 192, 126, 88, "#fffaf0", corner=14)
    for x, y in ((170, 226), (191, 214), (212, 226), (170, 250), (191, 238), (212, 250), (191, 262)):
        canvas.path(f"M{x} {y - 12}l10.4 6v12l-10.4 6l-10.4 -6v-12Z", "#ffc23e", stroke="#fffaf0", stroke_width=3)
    canvas.box(110, 182, 12, 108, "#fff", corner=6, opacity=0.5)
    with canvas.moved(312, 92, turn=22):
        canvas.line("M0 -40L0 96", "#a86d35", 11)
        for y, across in ((100, 17), (113, 23), (126, 25), (139, 22), (151, 14)):
            canvas.ellipse(0, y, across, 8, canvas.linear("#d99a55", "#93571f"))
    canvas.path("M258 246C260 268 254 276 258 300C260 312 248 312 250 300C254 280 248 268 250 252Z", "#ffc443")


def draw_milk(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 326, 116)
    canvas.path("M112 158L112 310Q112 320 122 320L226 320L226 158Z", canvas.linear("#ffffff", "#e8f1fa"))
    canvas.path("M226 158L226 320L280 306Q288 304 288 294L288 146Z", canvas.linear("#cfe0f1", "#a9c4e0"))
    canvas.path("M112 158L140 96L248 92L226 158Z", canvas.linear("#59a7e8", "#3a83cc"))
    canvas.path("M226 158L248 92L288 146Z", "#2a69ad")
    canvas.path("M138 98L138 72L250 66L250 92Z", canvas.linear("#7fbff2", "#4b97df"))
    canvas.path(
        "M112 228C140 206 160 252 190 232C206 222 216 226 226 232L226 320L122 320Q112 320 112 310Z",
        canvas.linear("#6db6f0", "#3f8cd6"),
    )
    canvas.path("M226 232C246 240 262 212 288 222L288 294Q288 304 280 306L226 320Z", "#2f74bb")
    canvas.word(169, 202, "MILK", "#2d74bd", 32)
    canvas.path(
        "M166 250C156 268 152 276 158 286C164 294 176 292 178 282C180 272 172 262 166 250Z", "#fff", opacity=0.9
    )
    with canvas.moved(300, 262):
        canvas.path("M-36 -44L-29 50Q-28 58 -20 58L20 58Q28 58 29 50L36 -44Z", "#fff", opacity=0.45)
        canvas.path(
            "M-34 -18L-28 50Q-27 56 -20 56L20 56Q27 56 28 50L34 -18Q0 -6 -34 -18Z", canvas.linear("#ffffff", "#e3edf7")
        )
        canvas.line("M-36 -44L-29 50Q-28 58 -20 58L20 58Q28 58 29 50L36 -44", "#c6d8ea", 3)
        canvas.ellipse(0, -44, 36, 8, "none", stroke="#c6d8ea", stroke_width=3)


def draw_mooncake(canvas: Canvas) -> None:
    draw_shadow(canvas, 196, 312, 138)
    side = canvas.linear("#c67a2c", "#e9ab57", "#b5681f", "#8e4c14", angle=0)
    top = canvas.radial("#ffd894", "#eda94e", "#cf7f2b", x=0.4, y=0.3, reach=0.8)
    petals = "".join(
        f"M{180 + 96 * cos(index * pi / 6):.1f} {196 + 74 * sin(index * pi / 6):.1f}m-30 0a30 26 0 1 0 60 0a30 26 0 1 0 -60 0Z"
        for index in range(12)
    )
    for y, fill in ((48, "#8e4c14"), (38, side), (26, side), (14, side), (2, side)):
        with canvas.moved(0, y):
            canvas.path(petals, fill)
            canvas.ellipse(180, 196, 100, 78, fill)
    canvas.path(petals, top)
    canvas.ellipse(180, 196, 104, 82, top)
    canvas.ellipse(180, 194, 92, 70, "none", stroke="#a8601c", stroke_width=4, opacity=0.7)
    for turn in range(0, 360, 45):
        with canvas.moved(180, 194, scale=1):
            across, down = 56 * cos(radians(turn)), 42 * sin(radians(turn))
            canvas.ellipse(across, down, 17, 14, "none", stroke="#a8601c", stroke_width=3.6, opacity=0.75)
    canvas.ellipse(180, 194, 25, 19, "none", stroke="#a8601c", stroke_width=4, opacity=0.8)
    canvas.ellipse(180, 194, 8, 6, "#a8601c", opacity=0.7)
    with canvas.moved(296, 262):
        canvas.path("M-52 8L0 -34L54 6L50 40L-2 60L-50 40Z", "#8e4c14")
        canvas.path("M-52 8L0 -34L54 6L0 44Z", top)
        canvas.path("M-52 8L0 44L-2 60L-50 40Z", "#6d2f20")
        canvas.path("M0 44L54 6L50 40L-2 60Z", "#7d3826")
        canvas.circle(4, 34, 13, canvas.radial("#ffd56b", "#f39a1f"))
    draw_shine(canvas, 118, 150, 22, 8, -34, 0.45)


SNACK_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "nuts": draw_nuts,
    "chocolate": draw_chocolate,
    "tea": draw_tea,
    "coffee": draw_coffee,
    "cookies": draw_cookies,
    "honey": draw_honey,
    "milk": draw_milk,
    "mooncake": draw_mooncake,
}
