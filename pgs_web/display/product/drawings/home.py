"""Home and kitchen."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_leaf, draw_shadow, draw_shine


def draw_frying_pan(canvas: Canvas) -> None:
    draw_shadow(canvas, 176, 312, 130)
    with canvas.moved(168, 208, turn=-32):
        canvas.path("M96 -15L206 -12Q220 0 206 12L96 15Z", canvas.linear("#c98d57", "#8d5527"))
        canvas.circle(196, 0, 5, "#5d3515")
        canvas.box(88, -17, 26, 34, "#a9b1b8", corner=5)
        canvas.circle(0, 0, 112, canvas.linear("#70808c", "#38444d"))
        canvas.circle(0, 0, 103, canvas.radial("#5b6872", "#39444c", "#252d33", x=0.4, y=0.34, reach=0.75))
        canvas.circle(0, 0, 80, "none", stroke="#fff", stroke_width=2, opacity=0.12)
    canvas.path(
        "M112 206C108 166 150 150 178 162C210 148 246 176 232 208C242 242 204 262 176 250C144 268 106 244 112 206Z",
        "#fffdf8",
    )
    canvas.path(
        "M124 238C146 260 176 240 196 252C216 250 234 236 230 214C224 236 200 240 178 234C154 244 136 240 124 238Z",
        "#e8e2d6",
        opacity=0.8,
    )
    canvas.circle(172, 204, 30, canvas.radial("#ffe58a", "#ffbd2c", "#f59a12"))
    draw_shine(canvas, 162, 192, 9, 5, -30, 0.8)


def draw_pillow(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 312, 146)
    for y, sky, floor, line in ((234, "#bfe0d3", "#8abdaa", "#6fa592"), (170, "#fffaf3", "#e9d9c4", "#bfa88c")):
        with canvas.moved(200, y, turn=-4):
            canvas.path(
                "M-132 -44C-150 -72 -118 -74 -98 -64C-40 -80 40 -80 98 -64C118 -74 150 -72 132 -44C142 -16 142 18 132 42"
                "C150 72 118 74 98 62C40 78 -40 78 -98 62C-118 74 -150 72 -132 42C-142 18 -142 -16 -132 -44Z",
                canvas.linear(sky, floor),
            )
            canvas.line("M-122 -42C-130 -14 -130 16 -122 40M122 -42C130 -14 130 16 122 40", line, 2.4, opacity=0.7)
            canvas.line(
                "M-60 -8C-30 8 10 8 40 -6M-84 20C-64 30 -44 32 -26 30M58 26C74 24 86 18 96 10", line, 3.2, opacity=0.5
            )
            canvas.line("M-88 -52C-40 -64 20 -64 60 -58", "#fff", 6, opacity=0.7)


def draw_desk_lamp(canvas: Canvas) -> None:
    canvas.path("M232 148L96 320L312 320L296 172Z", canvas.linear("rgba(255,232,150,.75)", "rgba(255,232,150,0)"))
    draw_shadow(canvas, 150, 324, 90)
    metal = canvas.linear("#3f8f80", "#2a665b")
    canvas.ellipse(150, 316, 72, 15, "#1f4f47")
    canvas.ellipse(150, 308, 72, 15, metal)
    canvas.line("M150 304L112 202", "#d9b765", 9)
    canvas.line("M112 202L216 106", "#e7c87c", 9)
    for x, y in ((150, 304), (112, 202), (216, 106)):
        canvas.circle(x, y, 10, "#2a665b")
        canvas.circle(x, y, 4, "#9ad5c7")
    with canvas.moved(234, 118, turn=36):
        canvas.path("M-20 -18Q0 -36 24 -18L66 44Q2 70 -62 44Z", canvas.linear("#5fb8a6", "#2f7a6c"))
        canvas.ellipse(2, 45, 64, 15, "#fff3c4")
        canvas.ellipse(2, 48, 24, 9, "#ffd95e")
        canvas.path("M-14 -16L-48 40Q-38 46 -28 48L-4 -24Z", "#fff", opacity=0.25)


def draw_towels(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 322, 142)
    stack = (
        (284, "#8fc7b6", "#5f9e8c"),
        (236, "#ffffff", "#dfe8e4"),
        (188, "#f6c7a5", "#dd9b6e"),
        (140, "#ffe9c9", "#eecb97"),
    )
    for y, sky, floor in stack:
        canvas.box(72, y - 10, 256, 44, canvas.linear(sky, floor), corner=20)
        canvas.path(f"M92 {y + 12}L318 {y + 12}", "none", stroke="#000", stroke_width=2, opacity=0.12)
        canvas.path(
            f"M300 {y - 10}Q328 {y - 8} 328 {y + 12}T300 {y + 34}Q284 {y + 12} 300 {y - 10}Z", "#fff", opacity=0.35
        )
        for x in range(100, 290, 12):
            canvas.line(f"M{x} {y - 2}l4 3M{x + 6} {y + 24}l4 3", "#fff", 2, opacity=0.5)
    with canvas.moved(206, 112):
        canvas.path("M-96 14C-96 -14 -70 -26 -42 -26L56 -26C86 -26 96 -6 96 14Z", canvas.linear("#fff", "#e6eeea"))
        canvas.circle(-66, -2, 28, "#f3f8f5")
        canvas.line("M-66 -2m0 0a5 5 0 0 1 8 6a12 12 0 0 1 -20 2a18 18 0 0 1 8 -26a22 22 0 0 1 26 14", "#b9cfc4", 4)


def draw_umbrella(canvas: Canvas) -> None:
    draw_shadow(canvas, 204, 330, 84)
    with canvas.moved(200, 190, turn=12):
        canvas.line("M0 -120L0 118C0 146 40 146 40 118", "#7b5532", 9)
        canvas.line("M0 96L0 118C0 146 40 146 40 118", "#a9743f", 9)
        canopy = "M-146 4C-140 -80 -76 -118 0 -118C76 -118 140 -80 146 4C128 -14 104 -14 92 4C76 -14 56 -14 46 4C32 -12 -32 -12 -46 4C-56 -14 -76 -14 -92 4C-104 -14 -128 -14 -146 4Z"
        canvas.path(canopy, canvas.linear("#f4667d", "#c6304f"))
        canvas.path(
            "M0 -118C-60 -90 -84 -40 -92 4C-104 -14 -128 -14 -146 4C-140 -80 -76 -118 0 -118Z", "#fff", opacity=0.22
        )
        canvas.path("M0 -118C-24 -80 -42 -40 -46 4C-32 -12 32 -12 46 4C42 -40 24 -80 0 -118Z", "#fff", opacity=0.3)
        canvas.path("M0 -118C60 -90 84 -40 92 4C104 -14 128 -14 146 4C140 -80 76 -118 0 -118Z", "#7a0f2c", opacity=0.16)
        canvas.line("M0 -118L0 -134", "#7b5532", 7)
    for x, y in ((60, 250), (92, 292), (316, 262), (344, 216), (290, 306), (44, 196)):
        canvas.path(f"M{x} {y}c-7 11 -9 15 -5 20c4 4 11 3 12 -3c1 -5 -3 -9 -7 -17Z", "#7db9dc", opacity=0.85)


def draw_rice_cooker(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 324, 134)
    canvas.path(
        "M84 180L92 286Q96 316 128 318L272 318Q304 316 308 286L316 180Z",
        canvas.linear("#ffffff", "#f3f5f4", "#cfd8d4", angle=20),
    )
    canvas.path(
        "M80 172C84 108 140 84 200 84C260 84 316 108 320 172Q320 190 302 190L98 190Q80 190 80 172Z",
        canvas.linear("#ffffff", "#dbe4e0"),
    )
    canvas.line("M84 184L316 184", "#aebdb6", 4)
    canvas.path("M150 96C160 70 240 70 250 96L236 100Q200 86 164 100Z", canvas.linear("#5e6b66", "#38433f"))
    canvas.ellipse(200, 122, 18, 6, "#8d9b95")
    canvas.box(146, 214, 108, 76, canvas.linear("#2f3f3a", "#1d2925"), corner=16)
    canvas.box(160, 226, 80, 30, "#a7f0d0", corner=6)
    canvas.word(200, 249, "12:30", "#1d4a3a", 21)
    for x, colour in ((172, "#ff8a65"), (200, "#ffd54f"), (228, "#81c995")):
        canvas.circle(x, 273, 7, colour)
    canvas.line("M104 204L112 284", "#fff", 9, opacity=0.9)
    for x, shift in ((176, 0), (204, 10), (230, 2)):
        canvas.line(f"M{x} 66C{x - 10} 54 {x + 10} 44 {x} {28 + shift}", "#fff", 5, opacity=0.9)


def draw_mug(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 322, 118)
    canvas.line("M268 176C344 168 344 268 264 262", "#d98f63", 24)
    canvas.line("M268 176C344 168 344 268 264 262", "#f0b48c", 12, opacity=0.7)
    canvas.path(
        "M94 132L100 286Q102 320 136 320L232 320Q266 320 268 286L274 132Z",
        canvas.linear("#f8c39e", "#ee9d6c", "#c9723f", angle=0),
    )
    canvas.ellipse(184, 132, 90, 24, canvas.linear("#f6b98f", "#d98f63"))
    canvas.ellipse(184, 135, 78, 18, canvas.radial("#c58a5c", "#7d4a2a", x=0.4, y=0.4))
    canvas.path(
        "M150 134C160 126 176 126 184 134C192 126 208 126 216 134C210 144 196 146 184 150C172 146 156 144 150 134Z",
        "#f7e3c8",
    )
    canvas.path(
        "M184 212C170 190 136 198 140 224C142 246 168 258 184 272C200 258 226 246 228 224C232 198 198 190 184 212Z",
        "#fff",
        opacity=0.85,
    )
    canvas.path("M110 160L114 290Q114 302 124 306L128 160Z", "#fff", opacity=0.35)
    for x, shift in ((160, 0), (188, 12), (214, 2)):
        canvas.line(f"M{x} 104C{x - 12} 88 {x + 12} 76 {x} {56 + shift}", "#fff", 6, opacity=0.9)


def draw_plant(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 326, 96)
    canvas.line("M200 226C198 180 176 150 140 128M200 226C202 170 230 140 268 116M200 226L202 108", "#4d8a46", 6)
    for x, y, length, turn, dark in (
        (196, 190, 96, 200, "#2f7d43"),
        (204, 188, 98, -20, "#2f7d43"),
        (178, 158, 88, 226, "#3d9450"),
        (224, 152, 92, -46, "#3d9450"),
        (202, 140, 92, -90, "#2f7d43"),
        (146, 132, 70, 190, "#54a75b"),
        (262, 120, 70, -10, "#54a75b"),
        (200, 172, 72, -122, "#54a75b"),
        (203, 166, 70, -64, "#63b566"),
    ):
        draw_leaf(canvas, x, y, length, turn, dark)
    canvas.path(
        "M126 226L274 226L258 308Q256 322 240 322L160 322Q144 322 142 308Z",
        canvas.linear("#fdfdfb", "#f0e7dc", "#cdbba6", angle=0),
    )
    canvas.box(116, 210, 168, 28, canvas.linear("#ffffff", "#dccdba"), corner=12)
    canvas.path(
        "M140 262L160 284L180 262L200 284L220 262L240 284L258 264L256 278L240 298L220 276L200 298L180 276L160 298L144 280Z",
        "#e0946a",
        opacity=0.75,
    )


def draw_wall_clock(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 334, 104, 10)
    canvas.circle(200, 196, 124, canvas.linear("#d6a56b", "#94622f"))
    canvas.circle(200, 196, 110, "#7c4f24")
    canvas.circle(200, 198, 106, canvas.radial("#ffffff", "#fdfaf3", "#e9dfcd", x=0.4, y=0.34, reach=0.8))
    for index in range(60):
        with canvas.moved(200, 198, turn=index * 6):
            if index % 5 == 0:
                canvas.line("M0 -94L0 -82", "#4c3b2a", 5)
            else:
                canvas.line("M0 -94L0 -91", "#b7a68e", 2)
    for text, x, y in (("12", 200, 145), ("3", 266, 207), ("6", 200, 272), ("9", 135, 207)):
        canvas.word(x, y, text, "#4c3b2a", 26)
    with canvas.moved(200, 198, turn=304):
        canvas.path("M-5 12L-3 -52L0 -58L3 -52L5 12Z", "#2d2a26")
    with canvas.moved(200, 198, turn=60):
        canvas.path("M-4 14L-2.4 -76L0 -82L2.4 -76L4 14Z", "#2d2a26")
    with canvas.moved(200, 198, turn=186):
        canvas.line("M0 18L0 -80", "#d8483f", 2.6)
    canvas.circle(200, 198, 8, "#d8483f")
    canvas.path("M118 150C134 112 166 96 198 96C168 106 140 126 126 166Z", "#fff", opacity=0.7)


HOME_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "frying_pan": draw_frying_pan,
    "pillow": draw_pillow,
    "desk_lamp": draw_desk_lamp,
    "towels": draw_towels,
    "umbrella": draw_umbrella,
    "rice_cooker": draw_rice_cooker,
    "mug": draw_mug,
    "plant": draw_plant,
    "wall_clock": draw_wall_clock,
}
