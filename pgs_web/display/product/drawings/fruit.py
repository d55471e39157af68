"""Fresh fruit."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_leaf, draw_shadow, draw_shine


def draw_peach(canvas: Canvas) -> None:
    draw_shadow(canvas, 205, 306, 118)
    draw_leaf(canvas, 214, 116, 92, -22)
    draw_leaf(canvas, 206, 118, 66, 202, "#4f9c3c")
    canvas.line("M206 138C204 118 210 104 220 92", "#7a5230", 8)
    flesh = canvas.radial("#fff0d8", "#ffc9a8", "#fb8f86", "#e8596f", x=0.3, y=0.3, reach=0.85)
    canvas.path(
        "M204 132C244 96 322 124 320 200C318 262 262 304 204 312C142 304 88 262 84 200C82 124 164 96 204 132Z", flesh
    )
    canvas.path(
        "M204 132C236 170 240 250 204 312C262 304 318 262 320 200C322 124 244 96 204 132Z", "#e2506b", opacity=0.22
    )
    canvas.line("M204 134C228 176 232 240 208 298", "#cf4560", 5, opacity=0.55)
    draw_shine(canvas, 134, 178, 18, 34, 24)


def draw_mango(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 300, 130)
    for x, y, turn, size in ((242, 204, 24, 0.92), (176, 220, -14, 1.06)):
        skin = canvas.radial("#fff3a8", "#ffcf3f", "#fba51f", "#ee6b2c", x=0.34, y=0.28, reach=0.9)
        with canvas.moved(x, y, turn=turn, scale=size):
            canvas.path(
                "M-104 10C-104 -52 -44 -90 18 -80C74 -72 112 -34 108 12C104 60 48 84 -10 82C-62 80 -104 60 -104 10Z",
                skin,
            )
            blush = canvas.radial(
                "rgba(226,60,44,.62)", "rgba(226,60,44,.25)", "rgba(226,60,44,0)", x=0.86, y=0.42, reach=0.55
            )
            canvas.path(
                "M-104 10C-104 -52 -44 -90 18 -80C74 -72 112 -34 108 12C104 60 48 84 -10 82C-62 80 -104 60 -104 10Z",
                blush,
            )
            canvas.line("M98 -38L114 -52", "#7a5230", 8)
            draw_shine(canvas, -50, -38, 30, 13, -32)
    draw_leaf(canvas, 300, 158, 76, -58)
    draw_leaf(canvas, 292, 160, 60, -8, "#4f9c3c")


def draw_strawberry(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 312, 128)
    for x, y, turn, size in ((268, 222, 20, 0.74), (132, 228, -22, 0.72), (200, 206, 0, 1)):
        skin = canvas.radial("#ff9a8d", "#f4404d", "#c9152f", x=0.36, y=0.24, reach=0.9)
        with canvas.moved(x, y, turn=turn, scale=size):
            canvas.path(
                "M0 110C-52 84 -92 22 -82 -32C-74 -74 -26 -84 0 -68C26 -84 74 -74 82 -32C92 22 52 84 0 110Z", skin
            )
            for row, count in ((-34, 4), (-8, 5), (18, 4), (44, 3), (70, 2)):
                for index in range(count):
                    seed = (index - (count - 1) / 2) * 31
                    canvas.ellipse(seed, row + abs(seed) * 0.06, 3.6, 5.6, "#ffdf7c")
            for leaf in (-164, -128, -90, -52, -16):
                draw_leaf(canvas, 0, -66, 58, leaf, "#3b9140")
            for leaf in (168, 12):
                draw_leaf(canvas, 0, -68, 62, leaf, "#4ea546")
            canvas.line("M0 -72C0 -92 6 -100 14 -108", "#5d9a3c", 7)
            draw_shine(canvas, -46, -16, 9, 22, 18, 0.42)


def draw_blueberry(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 306, 134)
    draw_leaf(canvas, 222, 128, 104, -34)
    draw_leaf(canvas, 190, 132, 92, 206, "#4f9c3c")
    skin = canvas.radial("#a9b8f2", "#5f74cf", "#35439a", "#232c6c", x=0.36, y=0.3, reach=0.8)
    for x, y, radius in (
        (206, 156, 44),
        (128, 206, 50),
        (282, 204, 52),
        (204, 222, 54),
        (160, 270, 42),
        (252, 270, 44),
    ):
        canvas.circle(x, y, radius, skin)
        with canvas.moved(x + radius * 0.16, y - radius * 0.18, scale=radius / 50):
            canvas.path("M0 -17L5 -6L17 -6L8 2L12 14L0 7L-12 14L-8 2L-17 -6L-5 -6Z", "#1d2559", opacity=0.85)
            canvas.circle(0, -1, 5, "#4555ad")
        draw_shine(canvas, x - radius * 0.45, y - radius * 0.42, radius * 0.22, radius * 0.13, -40, 0.6)


def draw_orange(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 308, 140)
    skin = canvas.radial("#ffdc8a", "#ffab2e", "#f57f12", "#d95f0a", x=0.34, y=0.28, reach=0.85)
    canvas.circle(166, 196, 102, skin)
    for x, y in (
        (112, 160),
        (150, 132),
        (196, 148),
        (124, 214),
        (168, 186),
        (104, 250),
        (150, 262),
        (196, 236),
        (214, 184),
    ):
        canvas.circle(x, y, 3, "#d96508", opacity=0.4)
    draw_shine(canvas, 122, 142, 26, 14, -40)
    draw_leaf(canvas, 168, 100, 84, -24)
    canvas.line("M166 106L162 92", "#6d5a2c", 8)
    canvas.circle(266, 238, 74, skin)
    canvas.circle(266, 238, 66, "#fff4dc")
    segment = canvas.radial("#ffe39b", "#ffb53c", "#ff9a1f", x=0.5, y=0.9, reach=1)
    for turn in range(0, 360, 40):
        with canvas.moved(266, 238, turn=turn):
            canvas.path("M0 -6C-9 -22 -23 -46 -17 -55C-10 -62 10 -62 17 -55C23 -46 9 -22 0 -6Z", segment)
            canvas.line("M-6 -44L-4 -32", "#fff", 3, opacity=0.7)


def draw_watermelon(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 306, 142)
    rind = canvas.radial("#8fd06a", "#3f9a45", "#1f6a36", x=0.36, y=0.26, reach=0.9)
    canvas.circle(158, 188, 112, rind)
    with canvas.inside("M46 188A112 112 0 1 0 270 188A112 112 0 1 0 46 188Z"):
        for x in (-78, -40, 0, 40, 78):
            wave = f"M158 70C{158 + x * 1.5} 110 {158 + x * 1.75 - 10} 150 {158 + x * 1.7 + 8} 190S{158 + x * 1.4} 270 158 306"
            canvas.line(wave, "#155a30", 11, opacity=0.75)
    draw_shine(canvas, 108, 128, 28, 13, -42, 0.4)
    canvas.line("M158 78C154 62 168 56 174 62", "#5d7a2c", 7)
    with canvas.moved(246, 214, turn=-14):
        canvas.path("M-98 0A98 98 0 0 0 98 0Z", "#2f8a3f")
        canvas.path("M-90 0A90 90 0 0 0 90 0Z", "#eaf7d2")
        canvas.path("M-80 0A80 80 0 0 0 80 0Z", canvas.linear("#ff8378", "#ee3d52"))
        for x, y, turn in ((-52, 18, 30), (-22, 38, 12), (12, 22, 0), (38, 44, -16), (52, 16, -30), (-6, 62, 0)):
            with canvas.moved(x, y, turn=turn):
                canvas.ellipse(0, 0, 4.6, 7.6, "#3a1d22")
        canvas.line("M-74 3L74 3", "#fff", 3, opacity=0.45)


def draw_grapes(canvas: Canvas) -> None:
    draw_shadow(canvas, 204, 324, 96)
    canvas.line("M204 130C200 104 206 88 222 74", "#7a6430", 8)
    skin = canvas.radial("#f4ffcf", "#cde98a", "#93c553", "#6a9e36", x=0.36, y=0.3, reach=0.8)
    rows = ((292, 1), (262, 2), (230, 3), (198, 4), (166, 5), (136, 4))
    for y, count in rows:
        for index in range(count):
            x = 204 + (index - (count - 1) / 2) * 42
            canvas.circle(x, y, 26, skin)
            draw_shine(canvas, x - 9, y - 10, 7, 4.5, -40, 0.75)
    draw_leaf(canvas, 214, 112, 112, -14)
    draw_leaf(canvas, 200, 112, 96, 196, "#4f9c3c")
    canvas.line("M222 96C244 76 264 92 256 108C250 118 238 112 244 104", "#7f9a3a", 4)


def draw_lychee(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 312, 132)
    draw_leaf(canvas, 214, 116, 104, -30)
    draw_leaf(canvas, 196, 118, 92, 208, "#4f9c3c")
    canvas.line("M146 168C164 138 190 128 204 96M254 158C240 132 220 120 206 98", "#7a5230", 6)
    skin = canvas.radial("#ff9f98", "#e04a55", "#b0223c", "#8a1531", x=0.36, y=0.28, reach=0.85)
    for x, y, radius in ((142, 214, 66), (258, 204, 62)):
        canvas.circle(x, y, radius, skin)
        for ring, count in ((0.0, 1), (0.36, 6), (0.7, 11)):
            for index in range(count):
                with canvas.moved(x, y, turn=360 / count * index + ring * 40):
                    canvas.path(
                        f"M-9 {-radius * ring - 3}L0 {-radius * ring - 13}L9 {-radius * ring - 3}L0 {-radius * ring + 7}Z",
                        "#7d102c",
                        opacity=0.34,
                    )
        draw_shine(canvas, x - radius * 0.4, y - radius * 0.44, 15, 8, -40, 0.5)
    canvas.circle(204, 260, 52, canvas.radial("#ffffff", "#fbf3f0", "#e7cfcf", x=0.36, y=0.3, reach=0.8))
    canvas.path(
        "M152 258C150 292 176 314 204 314C232 314 258 292 256 258C244 276 232 266 222 278C210 292 198 272 184 282C172 288 162 270 152 258Z",
        skin,
    )
    draw_shine(canvas, 184, 234, 13, 7, -36, 0.9)


def draw_kiwi(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 302, 138)
    fur = canvas.radial("#c9a06a", "#9a6f3c", "#6b4a25", x=0.36, y=0.28, reach=0.85)
    with canvas.moved(150, 188, turn=-24):
        canvas.ellipse(0, 0, 106, 82, fur)
        for index in range(30):
            x, y = (index * 61 % 163) - 80, (index * index * 29 % 109) - 54
            if (x / 100) ** 2 + (y / 74) ** 2 < 0.9:
                canvas.line(f"M{x} {y}l6 3", "#54381a", 2, opacity=0.4)
        draw_shine(canvas, -46, -38, 26, 11, -18, 0.3)
    canvas.circle(256, 226, 82, fur)
    canvas.circle(256, 226, 75, canvas.radial("#f5fbd0", "#c3e06a", "#86b935", "#6da32c", x=0.5, y=0.5, reach=0.52))
    for turn in range(0, 360, 15):
        with canvas.moved(256, 226, turn=turn):
            canvas.line("M0 -26L0 -64", "#eaf7b0", 2.4, opacity=0.55)
            canvas.ellipse(0, -33 if turn % 30 else -40, 2.8, 5.4, "#2b2a18")
    canvas.ellipse(256, 226, 19, 21, "#fbfde8")


FRUIT_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "peach": draw_peach,
    "mango": draw_mango,
    "strawberry": draw_strawberry,
    "blueberry": draw_blueberry,
    "orange": draw_orange,
    "watermelon": draw_watermelon,
    "grapes": draw_grapes,
    "lychee": draw_lychee,
    "kiwi": draw_kiwi,
}
