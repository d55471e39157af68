"""Browsers ask for an icon, whatever page they show."""

from django.test import Client


def test_the_icon_is_served():
    answer = Client().get("/favicon.ico")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/x-icon")
    # Windows icon: reserved 0, type 1, three sizes.
    assert b"".join(answer)[:6] == bytes([0, 0, 1, 0, 3, 0])  # type: ignore[arg-type]
