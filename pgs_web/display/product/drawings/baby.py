"""For babies and children."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_shadow, draw_shine


def draw_blocks(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 324, 150)
    blocks = (
        (72, 224, "#ff8f8f", "#e25563", "A"),
        (176, 224, "#ffd76b", "#f0a92c", "B"),
        (280, 236, "#8fd0ff", "#4c9be0", "C"),
        (124, 124, "#9fe0b0", "#57b573", "3"),
        (226, 128, "#d2b0f5", "#9a6bd6", "2"),
    )
    for x, y, light, dark, text in blocks:
        size = 96 if x != 280 else 84
        with canvas.moved(x + size / 2, y + size / 2, turn={124: -5, 226: 7, 280: 4}.get(x, 0)):
            half = size / 2
            canvas.box(-half, -half, size, size, canvas.linear(light, dark), corner=14)
            canvas.box(-half + 11, -half + 11, size - 22, size - 22, "#fffaf2", corner=9)
            canvas.word(0, size * 0.22, text, dark, size * 0.62)
            canvas.path(
                f"M{-half + 5} {half - 16}L{-half + 5} {-half + 14}Q{-half + 5} {-half + 5} {-half + 14} {-half + 5}L{half - 16} {-half + 5}",
                "none",
                stroke="#fff",
                stroke_width=4,
                opacity=0.6,
                stroke_linecap="round",
            )
    canvas.path("M132 124L182 62L230 118Z", canvas.linear("#ffb27d", "#ef7d3c"))
    canvas.path("M140 117L181 68L188 76L156 118Z", "#fff", opacity=0.3)


def draw_teddy(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 330, 112)
    fur = canvas.radial("#e9bd86", "#cf965a", "#a86d37", x=0.38, y=0.28, reach=0.85)
    pale = canvas.radial("#fff1d9", "#f3d7ab", x=0.4, y=0.35)
    for side in (-1, 1):
        with canvas.moved(200 + side * 82, 228, turn=side * -34):
            canvas.ellipse(0, 0, 28, 52, fur)
        canvas.ellipse(200 + side * 58, 304, 42, 34, fur)
        canvas.ellipse(200 + side * 62, 308, 24, 19, pale)
        canvas.circle(200 + side * 66, 84, 34, fur)
        canvas.circle(200 + side * 66, 86, 19, "#f2b8a0")
    canvas.ellipse(200, 248, 84, 78, fur)
    canvas.ellipse(200, 258, 52, 50, pale)
    canvas.ellipse(200, 138, 92, 80, fur)
    canvas.ellipse(200, 166, 42, 32, pale)
    canvas.ellipse(200, 152, 15, 10, "#4a2c1a")
    canvas.line("M200 162L200 174M200 174Q186 188 176 176M200 174Q214 188 224 176", "#4a2c1a", 4)
    for side in (-1, 1):
        canvas.circle(200 + side * 36, 128, 10, "#33201a")
        canvas.circle(200 + side * 36 - 3, 124, 3.4, "#fff")
        canvas.ellipse(200 + side * 60, 158, 15, 9, "#f08f83", opacity=0.5)
    canvas.path(
        "M200 216L150 196Q142 216 150 238ZM200 216L250 196Q258 216 250 238Z", canvas.linear("#ff7d93", "#d9415f")
    )
    canvas.circle(200, 216, 13, "#c73855")
    draw_shine(canvas, 150, 92, 20, 9, -34, 0.3)


def draw_bottle(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 334, 84)
    canvas.path("M186 66C186 40 214 40 214 66L218 84L182 84Z", canvas.linear("#ffe1c4", "#f0b98d"))
    canvas.path("M164 112Q164 86 190 82L210 82Q236 86 236 112Z", canvas.linear("#fbd0ab", "#e5a877"))
    canvas.box(144, 110, 112, 40, canvas.linear("#ff9fb4", "#e0607f"), corner=12)
    for x in range(156, 250, 12):
        canvas.line(f"M{x} 118L{x} 142", "#c94a6b", 3, opacity=0.5)
    body = "M150 150Q134 170 138 196Q148 226 138 256L138 300Q138 330 168 330L232 330Q262 330 262 300L262 256Q252 226 262 196Q266 170 250 150Z"
    canvas.path(body, "#f4fbff", opacity=0.95)
    with canvas.inside(body):
        canvas.box(130, 204, 140, 130, canvas.linear("#ffffff", "#fdf3e2"))
        canvas.ellipse(200, 204, 70, 10, "#fff8ec")
    canvas.path(body, "none", stroke="#bcdcec", stroke_width=4)
    for index, y in enumerate((222, 246, 270, 294)):
        canvas.line(f"M216 {y}L{248 if index % 2 == 0 else 238} {y}", "#7fb2cc", 3.4)
    canvas.path("M152 176Q146 196 156 220L156 306Q156 316 164 318L164 176Z", "#fff", opacity=0.9)
    canvas.path(
        "M190 262C182 250 166 256 168 270C170 282 182 288 190 296C198 288 210 282 212 270C214 256 198 250 190 262Z",
        "#ff9fb4",
    )


def draw_duck(canvas: Canvas) -> None:
    for y, across in ((312, 150), (326, 110)):
        canvas.ellipse(200, y, across, 15, "#8fd0ee", opacity=0.6)
    body = canvas.radial("#fff3a6", "#ffd93b", "#f5ae14", x=0.36, y=0.24, reach=0.9)
    canvas.path(
        "M84 216C70 196 96 190 118 206C140 214 150 198 160 186L236 190C300 196 324 236 306 276C294 306 246 318 196 318C132 318 88 290 84 216Z",
        body,
    )
    canvas.circle(226, 134, 70, body)
    canvas.path("M286 122C312 112 342 122 346 136C346 148 314 160 284 152Z", canvas.linear("#ffa04d", "#ec6b1c"))
    canvas.line("M292 138C312 138 328 138 344 137", "#c4510f", 3)
    canvas.path(
        "M132 238C158 220 214 224 226 250C220 282 170 290 142 270C130 262 126 248 132 238Z", "#f2ab17", opacity=0.85
    )
    canvas.line("M160 262C180 270 204 264 216 252", "#d98b08", 4, opacity=0.7)
    canvas.circle(250, 116, 12, "#2c2520")
    canvas.circle(246, 112, 4.4, "#fff")
    canvas.ellipse(232, 150, 14, 8, "#ff8f5e", opacity=0.5)
    canvas.path("M212 68C206 50 224 44 230 58C238 48 250 56 242 70Z", "#ffd93b")
    draw_shine(canvas, 188, 104, 22, 11, -44, 0.6)
    for x, y, radius in ((84, 288, 13), (104, 310, 9), (322, 296, 15), (346, 312, 9), (64, 308, 7)):
        canvas.circle(x, y, radius, "#fff", opacity=0.85)
        canvas.circle(x - radius * 0.3, y - radius * 0.3, radius * 0.3, "#fff")


def draw_train(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 324, 152)
    canvas.box(50, 308, 300, 9, "#b98a5c", corner=4)
    canvas.box(74, 240, 238, 44, canvas.linear("#5fb0f0", "#2f7ec9"), corner=12)
    canvas.box(74, 140, 92, 110, canvas.linear("#ff8478", "#d94a4a"), corner=10)
    canvas.box(60, 122, 120, 26, canvas.linear("#ffd76b", "#f0a92c"), corner=12)
    canvas.box(92, 164, 56, 44, "#e9f7ff", corner=8)
    canvas.path("M92 196L120 164L140 164L104 208L96 208Q92 206 92 200Z", "#fff", opacity=0.8)
    canvas.box(160, 176, 134, 74, canvas.linear("#9fe0b0", "#4fae6c"), corner=28)
    for x in (196, 236):
        canvas.box(x, 176, 9, 74, "#ffd76b")
    canvas.path("M232 178L236 128L276 128L268 178Z", canvas.linear("#6b5b95", "#463a6b"))
    canvas.box(228, 116, 56, 16, "#ffd76b", corner=7)
    canvas.circle(300, 214, 17, "#fff3c4")
    canvas.circle(300, 214, 10, "#ffd23e")
    canvas.path("M312 250L346 296L312 296Z", "#d94a4a")
    for x, radius in ((112, 36), (192, 28), (262, 28)):
        canvas.circle(x, 314 - radius, radius, "#463a6b")
        canvas.circle(x, 314 - radius, radius * 0.7, canvas.radial("#ffe39b", "#f5b52e"))
        canvas.circle(x, 314 - radius, radius * 0.22, "#d94a4a")
    canvas.line("M112 282L200 290L268 290", "#fff", 6, opacity=0.85)
    for x, y, radius in ((262, 92, 16), (286, 68, 21), (320, 46, 26)):
        canvas.circle(x, y, radius, "#fff", opacity=0.92)


def draw_picture_book(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 312, 152)
    canvas.path(
        "M48 118Q122 96 200 124Q278 96 352 118L352 294Q278 274 200 304Q122 274 48 294Z",
        canvas.linear("#8a5cc7", "#5f3a9c"),
    )
    canvas.path("M58 108Q128 88 200 116L200 294Q128 266 58 284Z", canvas.linear("#ffffff", "#f2ecdf", angle=0))
    canvas.path("M342 108Q272 88 200 116L200 294Q272 266 342 284Z", canvas.linear("#eee6d6", "#ffffff", angle=0))
    left = "M72 122Q132 104 186 126L186 270Q132 250 72 264Z"
    with canvas.inside(left):
        canvas.box(60, 90, 140, 200, canvas.linear("#bfe6ff", "#f4fbff"))
        canvas.circle(156, 140, 19, "#ffd24c")
        canvas.path("M60 232Q100 196 140 226T210 216L210 300L60 300Z", "#8fd17a")
        canvas.path("M60 250Q110 226 150 248T210 244L210 300L60 300Z", "#5fae57")
        canvas.box(100, 190, 36, 36, "#fff3dc")
        canvas.path("M92 194L118 166L144 194Z", "#ef6a5a")
        canvas.box(112, 206, 13, 20, "#b5703c")
    for index, width in enumerate((100, 86, 104, 72)):
        y = 136 + index * 30
        canvas.line(f"M222 {y}Q{222 + width / 2} {y - 12} {222 + width} {y - 12}", "#b9a98c", 6, opacity=0.75)
    canvas.path("M254 238l7 15l16 2l-12 11l3 16l-14 -8l-14 8l3 -16l-12 -11l16 -2Z", "#ffb84c")
    canvas.line("M200 118L200 294", "#c9b89a", 3)


BABY_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "blocks": draw_blocks,
    "teddy": draw_teddy,
    "bottle": draw_bottle,
    "duck": draw_duck,
    "train": draw_train,
    "picture_book": draw_picture_book,
}
