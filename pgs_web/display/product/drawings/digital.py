"""Digital things."""

# A path is read as one line of pen movements, however long.
# ruff: noqa: E501

from collections.abc import Callable

from pgs_web.display.product.drawings.canvas import Canvas
from pgs_web.display.product.drawings.scenery import draw_shadow, draw_shine


def draw_headphones(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 322, 128)
    canvas.line("M96 222C84 60 316 60 304 222", "#2b3352", 26)
    canvas.line("M96 216C88 74 312 74 304 216", "#5d6aa0", 8, opacity=0.8)
    canvas.line("M132 108C160 82 240 82 268 108", "#8f9bd0", 12, opacity=0.6)
    for side in (-1, 1):
        with canvas.moved(200 + side * 104, 240, turn=side * -6):
            canvas.box(-34 if side > 0 else -14, -66, 48, 132, "#20263d", corner=24)
            canvas.box(-30, -70, 60, 140, canvas.linear("#6573b8", "#333c6b", angle=30 if side < 0 else 150), corner=30)
            canvas.ellipse(0, 0, 18, 48, canvas.linear("#8b98d8", "#47528f"))
            canvas.ellipse(0, 0, 8, 24, "#2b3352", opacity=0.6)
            draw_shine(canvas, -14, -36, 5, 20, 8, 0.45)


def draw_power_bank(canvas: Canvas) -> None:
    draw_shadow(canvas, 206, 322, 110)
    with canvas.moved(190, 206, turn=-10):
        canvas.box(-68, -114, 136, 228, canvas.linear("#f4f6ff", "#ccd6f4", "#9fb0de", angle=40), corner=28)
        canvas.box(-60, -106, 120, 212, "none", corner=22, stroke="#fff", stroke_width=3, opacity=0.8)
        canvas.box(-40, -86, 80, 44, canvas.linear("#263056", "#141a33"), corner=12)
        canvas.word(0, -55, "86%", "#7fe7c4", 26)
        canvas.path("M8 -22L-30 34L-4 34L-12 82L32 18L4 18Z", canvas.linear("#ffd766", "#f7a325"))
        canvas.box(-24, 106, 20, 8, "#5e6b94", corner=3)
        canvas.box(6, 106, 20, 8, "#5e6b94", corner=3)
    canvas.line("M222 316C240 344 300 330 298 274C296 232 336 228 336 196", "#5a6aa8", 9)
    canvas.box(322, 150, 28, 46, canvas.linear("#7f8fc4", "#4f5e98"), corner=6)
    canvas.box(328, 134, 16, 18, "#9fb0de", corner=3)


def draw_smart_watch(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 346, 78, 10)
    strap = canvas.linear("#333d63", "#56639a", "#2a3254", angle=0)
    canvas.path("M152 120L160 44Q162 34 174 34L226 34Q238 34 240 44L248 120Z", strap)
    canvas.path("M152 272L160 340Q162 350 174 350L226 350Q238 350 240 340L248 272Z", strap)
    for y in (300, 318, 334):
        canvas.ellipse(200, y, 5, 4, "#1a2039")
    canvas.box(284, 172, 14, 40, "#8b95ad", corner=6)
    canvas.box(112, 104, 176, 186, canvas.linear("#dfe5f3", "#8791ab", angle=45), corner=52)
    canvas.box(120, 112, 160, 170, "#0f1325", corner=46)
    canvas.box(130, 122, 140, 150, canvas.linear("#1d2547", "#0c1022"), corner=38)
    canvas.word(200, 174, "10:09", "#fff", 38)
    for radius, colour, end in ((34, "#ff6b81", (-28.2, 19)), (23, "#7fe7c4", (-21.6, -7.9)), (12, "#5fa8ff", (0, 12))):
        canvas.circle(200, 226, radius, "none", stroke=colour, stroke_width=8, opacity=0.22)
        canvas.line(f"M200 {226 - radius}A{radius} {radius} 0 1 1 {200 + end[0]} {226 + end[1]}", colour, 8)
    canvas.path("M136 150Q136 128 160 126L196 126L142 216Q136 200 136 190Z", "#fff", opacity=0.12)


def draw_keyboard(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 292, 160)
    canvas.line("M190 140C184 100 226 104 220 58", "#7f8bb8", 7)
    with canvas.moved(200, 208, turn=-7):
        canvas.box(-154, -66, 308, 146, "#8794c4", corner=20)
        canvas.box(-154, -74, 308, 144, canvas.linear("#f3f6ff", "#c6d1f0"), corner=20)
        keys = ("#ffffff", "#ffffff", "#e8edfb")
        for row, (count, start) in enumerate(((11, -139), (11, -135), (10, -127))):
            for column in range(count):
                x, y = start + column * 25.4, -60 + row * 32
                colour = (
                    "#ff8a73"
                    if (row, column) == (0, 0)
                    else "#7f9cf0"
                    if column == count - 1
                    else keys[(row + column) % 3]
                )
                canvas.box(x, y + 4, 22, 26, "#9aa7d2", corner=6)
                canvas.box(x, y, 22, 26, colour, corner=6)
                canvas.box(x + 4, y + 3, 14, 16, "#fff", corner=4, opacity=0.35)
        for x, width, colour in (
            (-139, 34, "#e8edfb"),
            (-101, 34, "#e8edfb"),
            (-63, 124, "#ffffff"),
            (65, 34, "#e8edfb"),
            (103, 36, "#7fd6c2"),
        ):
            canvas.box(x, 40, width, 24, "#9aa7d2", corner=6)
            canvas.box(x, 36, width, 24, colour, corner=6)


def draw_mouse(canvas: Canvas) -> None:
    draw_shadow(canvas, 204, 326, 96)
    with canvas.moved(200, 204, turn=14):
        body = "M0 -120C56 -120 78 -76 78 -18L78 38C78 90 44 120 0 120C-44 120 -78 90 -78 38L-78 -18C-78 -76 -56 -120 0 -120Z"
        canvas.path(body, canvas.radial("#ffffff", "#e4eaf9", "#aebbe0", x=0.36, y=0.24, reach=0.9))
        canvas.line("M0 -118L0 -12M-78 -14C-40 0 40 0 78 -14", "#93a1cb", 3)
        canvas.box(-12, -86, 24, 54, "#3a4570", corner=12)
        canvas.box(-7, -78, 14, 38, canvas.linear("#8fa2e6", "#5b6cb8"), corner=7)
        canvas.circle(0, 72, 11, "#7f9cf0", opacity=0.8)
        canvas.path("M-62 -30C-60 -76 -40 -102 -14 -108C-36 -84 -46 -50 -46 -16Z", "#fff", opacity=0.75)
        canvas.line("M-76 34C-70 52 -70 66 -62 80", "#5b6cb8", 6, opacity=0.5)
    for index, colour in enumerate(("#5fa8ff", "#7fe7c4", "#ffb86b")):
        canvas.line(
            f"M{282 + index * 18} {110 - index * 14}C{300 + index * 20} {118 - index * 10} {306 + index * 20} {130 - index * 8} {310 + index * 22} {142 - index * 6}",
            colour,
            6,
        )


def draw_speaker(canvas: Canvas) -> None:
    draw_shadow(canvas, 200, 326, 112)
    canvas.box(104, 74, 192, 250, canvas.linear("#56639a", "#38427a", "#232a52", angle=30), corner=40)
    canvas.box(114, 84, 172, 230, "none", corner=32, stroke="#8b98d8", stroke_width=3, opacity=0.6)
    for y, radius in ((140, 38), (236, 62)):
        canvas.circle(200, y, radius + 6, "#171c38")
        canvas.circle(200, y, radius, canvas.radial("#707cb5", "#3a4376", "#20264a", x=0.4, y=0.34))
        canvas.circle(200, y, radius * 0.72, "none", stroke="#8b98d8", stroke_width=2, opacity=0.6)
        canvas.circle(200, y, radius * 0.36, canvas.radial("#ffc46b", "#f08a3c", "#b4561e"))
        draw_shine(canvas, 200 - radius * 0.5, y - radius * 0.5, radius * 0.2, radius * 0.1, -40, 0.5)
    for side in (-1, 1):
        for step in (0, 22):
            x = 200 + side * (116 + step)
            canvas.line(
                f"M{x} {176 - step}Q{x + side * 20} {206} {x} {236 + step}", "#7f9cf0", 6, opacity=0.8 - step / 50
            )


def draw_phone(canvas: Canvas) -> None:
    draw_shadow(canvas, 208, 332, 96)
    with canvas.moved(200, 200, turn=8):
        canvas.box(-76, -132, 152, 264, canvas.linear("#dfe5f3", "#6d7796", angle=30), corner=30)
        canvas.box(-71, -127, 142, 254, "#0f1325", corner=26)
        screen = "M-64 -98Q-64 -120 -42 -120L42 -120Q64 -120 64 -98L64 98Q64 120 42 120L-42 120Q-64 120 -64 98Z"
        with canvas.inside(screen):
            canvas.box(-64, -120, 128, 240, canvas.linear("#ffb199", "#ff6f91", "#845ec2", "#3d3b8e"))
            canvas.circle(20, -30, 34, "#ffe6a8")
            canvas.path("M-64 40L-30 -4L-6 28L22 -10L64 46L64 120L-64 120Z", "#4b3f95")
            canvas.path("M-64 74L-24 36L4 66L34 40L64 78L64 120L-64 120Z", "#2b2b6b")
        canvas.box(-20, -114, 40, 12, "#0f1325", corner=6)
        canvas.word(0, -70, "09:41", "#fff", 30)
        for x, colour in ((-42, "#7fe7c4"), (-14, "#ffd766"), (14, "#5fa8ff"), (42, "#ff8a73")):
            canvas.box(x - 11, 86, 22, 22, colour, corner=7)
        canvas.path("M-64 -98Q-64 -120 -42 -120L0 -120L-64 40Z", "#fff", opacity=0.14)


DIGITAL_DRAWINGS: dict[str, Callable[[Canvas], None]] = {
    "headphones": draw_headphones,
    "power_bank": draw_power_bank,
    "smart_watch": draw_smart_watch,
    "keyboard": draw_keyboard,
    "mouse": draw_mouse,
    "speaker": draw_speaker,
    "phone": draw_phone,
}
