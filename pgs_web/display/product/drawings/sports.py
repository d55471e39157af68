"""Sports and outdoors."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_shadow, draw_shine


def draw_basketball(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 322, 104)
    canvas.circle(200, 196, 122, canvas.radial("#ffc48a", "#f58b3c", "#d0601a", "#a3440e", x=0.36, y=0.28, reach=0.85))
    with canvas.inside("M78 196A122 122 0 1 0 322 196A122 122 0 1 0 78 196Z"), canvas.moved(200, 196, turn=-18):
        canvas.line(
            "M-130 0L130 0.1M0 -130L0.1 130M-96 -90C-40 -46 -40 46 -96 90M96 -90C40 -46 40 46 96 90", "#4a230d", 6
        )
    draw_shine(canvas, 150, 128, 30, 15, -40, 0.45)


def draw_yoga_mat(canvas: Canvas) -> None:
    draw_shadow(canvas, 206, 306, 156)
    canvas.path("M112 268L338 232Q352 244 340 256L128 300Z", canvas.linear("#a98be0", "#7f5fc4"))
    canvas.path(
        "M80 158L262 118Q304 124 306 170Q304 214 268 226L112 268Z", canvas.linear("#c4aef0", "#9275d6", "#6d50b0")
    )
    for shift in (0, 14, 28):
        canvas.line(
            f"M{118 + shift * 5} {166 - shift * 1.1}L{124 + shift * 5} {258 - shift * 1.1}", "#fff", 4, opacity=0.25
        )
    canvas.ellipse(98, 212, 46, 56, "#7f5fc4")
    canvas.ellipse(96, 212, 40, 50, "#e5dafb")
    canvas.line(
        "M96 212m0 0c6 -4 12 2 10 10c-4 12 -20 12 -24 -2c-4 -20 14 -32 28 -22c16 12 16 40 -4 50c-22 8 -44 -12 -44 -38c0 -24 16 -44 38 -44",
        "#7f5fc4",
        6,
    )
    for x in (182, 254):
        canvas.line(
            f"M{x} {136 - (x - 182) * 0.22}C{x + 26} {150} {x + 26} {214} {x + 6} {246 - (x - 182) * 0.3}", "#f7c860", 9
        )
    canvas.line("M188 134C206 88 236 84 256 120", "#f7c860", 8)


def draw_badminton(canvas: Canvas) -> None:
    draw_shadow(canvas, 176, 340, 120)
    with canvas.moved(170, 150, turn=36):
        canvas.line("M0 78L0 150", "#8fa7b8", 8)
        canvas.box(-9, 140, 18, 78, canvas.linear("#2f3d48", "#151d23"), corner=8)
        for y in range(148, 214, 13):
            canvas.line(f"M-8 {y + 5}L8 {y}", "#5e717e", 2.6)
        for x in range(-48, 49, 12):
            reach = 78 * (1 - (x / 62) ** 2) ** 0.5
            canvas.line(f"M{x} {-8 - reach}L{x + 0.1} {-8 + reach}", "#a9c3d1", 2)
        for y in range(-80, 66, 12):
            reach = 60 * max(0, 1 - ((y + 8) / 82) ** 2) ** 0.5
            canvas.line(f"M{-reach} {y}L{reach} {y + 0.1}", "#a9c3d1", 2)
        canvas.ellipse(0, -8, 62, 84, "none", stroke="#e8484f", stroke_width=10)
        canvas.ellipse(-2, -10, 62, 84, "none", stroke="#ff9b92", stroke_width=3, opacity=0.8)
        canvas.path("M-13 72L0 92L13 72Z", "#e8484f")
    with canvas.moved(286, 246, turn=-28):
        feather = canvas.linear("#ffffff", "#dcebf2")
        for turn in (-26, -13, 0, 13, 26):
            with canvas.moved(0, 30, turn=turn):
                canvas.path("M-4 0C-18 -40 -16 -84 0 -98C16 -84 18 -40 4 0Z", feather, stroke="#b7cfdb", stroke_width=2)
                canvas.line("M0 0L0.1 -88", "#b7cfdb", 2)
        canvas.line("M-24 -24Q0 -14 24 -24M-17 -2Q0 6 17 -2", "#e8484f", 4)
        canvas.path("M-18 26L18 26C22 56 12 68 0 68C-12 68 -22 56 -18 26Z", canvas.linear("#fffdf4", "#dcc9a2"))
        canvas.box(-19, 24, 38, 10, "#3a8f62", corner=4)


def draw_running_shoe(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 308, 160)
    canvas.path("M54 250Q46 292 76 296L318 296Q354 292 352 262Q346 252 330 250Z", canvas.linear("#ffffff", "#d5e2e8"))
    canvas.path("M60 276Q200 262 352 272Q350 294 318 296L76 296Q60 294 60 276Z", "#ff7a59")
    upper = "M58 252C48 206 54 162 74 138C86 150 104 156 124 148C140 140 148 128 160 132C186 170 226 204 286 212C330 218 352 232 350 258Q200 270 58 252Z"
    canvas.path(upper, canvas.linear("#48b5d8", "#1f83ae", "#186a90", angle=60))
    canvas.path(
        "M286 212C330 218 352 232 350 258Q320 262 292 262C280 246 278 228 286 212Z", canvas.linear("#7fd0ea", "#3a9ec4")
    )
    canvas.path("M58 252C52 222 52 194 58 172C80 190 92 220 90 257Z", "#ff7a59")
    canvas.path(
        "M112 254C124 220 152 206 190 210C170 222 160 240 162 261ZM176 262C184 240 202 226 230 224C216 234 210 248 212 263Z",
        "#fff",
        opacity=0.9,
    )
    canvas.path("M74 138C86 150 104 156 124 148C140 140 148 128 160 132L152 148C140 164 96 172 70 156Z", "#124f6d")
    for index in range(4):
        x, y = 168 + index * 24, 152 + index * 16
        canvas.line(f"M{x + 8} {y - 2}l-19 17", "#fff", 7)
    for x in range(88, 340, 22):
        canvas.line(f"M{x} 288L{x + 8} 288", "#c8502f", 4, opacity=0.7)
    canvas.line("M86 180C96 176 104 178 112 184", "#fff", 4, opacity=0.5)
    for y in (170, 196, 222):
        canvas.line(f"M{20 + (y - 170) // 3} {y}L{42} {y + 0.1}", "#fff", 6, opacity=0.8)


def draw_dumbbells(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 314, 150)
    for x, y, turn, light, dark in ((196, 146, 12, "#ffd071", "#e08a26"), (204, 248, -8, "#6cc6e2", "#2384ab")):
        with canvas.moved(x, y, turn=turn):
            canvas.box(-70, -14, 140, 28, canvas.linear("#f4f7f9", "#9fb0ba", "#71838e"), corner=10)
            for step in range(-40, 44, 14):
                canvas.line(f"M{step} -12L{step + 6} 12", "#7b8c97", 2.6, opacity=0.7)
            for side in (-1, 1):
                canvas.box(side * 88 - 22, -54, 44, 108, canvas.linear(light, dark), corner=15)
                canvas.box(side * 120 - 15, -40, 30, 80, canvas.linear(light, dark), corner=12)
                canvas.box(side * 88 - 14, -46, 10, 74, "#fff", corner=5, opacity=0.4)
                canvas.box(side * 142 - 8, -12, 16, 24, "#8497a3", corner=5)


def draw_tent(canvas: Canvas) -> None:
    canvas.path("M0 400L0 286L70 210L132 276L196 196L262 270L330 204L400 282L400 400Z", "#9fd0b4", opacity=0.6)
    canvas.ellipse(200, 332, 220, 54, "#7fbf93")
    draw_shadow(canvas, 200, 324, 160)
    canvas.path("M196 104L58 312L338 318Z", canvas.linear("#ff9a57", "#e2622a"))
    canvas.path("M196 104L338 318L236 318Z", "#b54617")
    canvas.path("M196 104L58 312L150 316Z", "#ffb77e")
    canvas.path("M196 150L150 316L236 318Z", canvas.linear("#4a2b1f", "#2b1710"))
    canvas.path("M196 150C180 210 168 264 150 316L178 317C184 262 190 206 196 150Z", "#ffd5ac")
    canvas.path("M196 150C204 210 218 266 236 318L216 318C206 262 200 206 196 150Z", "#ef8646")
    canvas.line("M196 104L196 84", "#6b4a2c", 6)
    canvas.path("M198 82L232 92L198 102Z", "#2f9ac4")
    canvas.line("M60 310L30 330M338 316L370 332", "#6b4a2c", 4)
    canvas.circle(316, 84, 25, "#fff0b8")
    for x, y in ((78, 92), (122, 62), (258, 54), (60, 150)):
        canvas.circle(x, y, 3.4, "#fff")


def draw_water_bottle(canvas: Canvas) -> None:
    draw_shadow(canvas, 204, 336, 78)
    canvas.line("M232 84C262 74 268 122 244 124", "#1d5f7d", 11)
    canvas.box(162, 62, 80, 56, canvas.linear("#2f87ad", "#1b5b79"), corner=14)
    for x in range(174, 236, 12):
        canvas.line(f"M{x} 72L{x} 108", "#124760", 3, opacity=0.6)
    body = "M166 116L238 116Q268 134 268 170L268 306Q268 334 240 334L164 334Q136 334 136 306L136 170Q136 134 166 116Z"
    canvas.path(body, canvas.linear("#c9f0fb", "#6cc6e2", "#3a9ec4", "#2a7fa6", angle=0))
    with canvas.inside(body):
        canvas.path("M130 212Q166 192 202 212T274 212L274 340L130 340Z", "#1f83ae", opacity=0.55)
        for x, y, radius in ((170, 268, 7), (196, 240, 5), (226, 286, 8), (184, 306, 5), (240, 246, 4)):
            canvas.circle(x, y, radius, "#fff", opacity=0.55)
    canvas.box(136, 176, 132, 9, "#fff", opacity=0.7)
    canvas.box(148, 146, 14, 166, "#fff", corner=7, opacity=0.55)
    for y in (206, 234, 262, 290):
        canvas.line(f"M244 {y}L258 {y + 0.1}", "#fff", 4, opacity=0.8)


SPORT_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "basketball": draw_basketball,
    "yoga_mat": draw_yoga_mat,
    "badminton": draw_badminton,
    "running_shoe": draw_running_shoe,
    "dumbbells": draw_dumbbells,
    "tent": draw_tent,
    "water_bottle": draw_water_bottle,
}
