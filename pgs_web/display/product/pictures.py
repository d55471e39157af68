"""What may be stored as a product's picture: decided by the content, never by the name that came with it."""

import hashlib
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

MAX_PICTURE_BYTES = 2 * 1024 * 1024
# Decoders allocate width × height × 4 bytes: a tiny file may declare a picture of gigabytes.
MAX_PICTURE_SIDE = 6_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
# Frame headers of baseline, extended and progressive JPEG; C4, C8 and CC are tables, not frames.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def inspect_picture(content: bytes) -> tuple[str, int, int] | None:
    """(extension, width, height in pixels) of a PNG, JPEG or WebP picture; None for anything else."""
    if content.startswith(PNG_SIGNATURE):
        return _inspect_png(content)
    if content.startswith(JPEG_START):
        return _inspect_jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _inspect_webp(content)
    return None


def validate_picture(file: "File[Any]") -> None:
    """Accept what is already stored, or a bounded PNG, JPEG or WebP picture; raise ValidationError otherwise."""
    if getattr(file, "_committed", False):
        return
    if file.size > MAX_PICTURE_BYTES:
        raise ValidationError(_("The picture is larger than 2 MB; save it smaller."), code="picture_too_large")
    facts = inspect_picture(_read_whole(file))
    if facts is None:
        raise ValidationError(_("Upload a PNG, JPEG or WebP picture."), code="picture_unknown")
    if not all(0 < side <= MAX_PICTURE_SIDE for side in facts[1:]):
        raise ValidationError(_("A side of the picture may have 1 to 6000 pixels."), code="picture_sides")


def name_picture(instance: Model, _filename: str) -> str:
    """Name an upload after its content (so it can be cached for ever); raise ValidationError unless it is a picture."""
    file = instance.picture  # type: ignore[attr-defined]
    # Checked here as well: this runs on every way to the disk, a validator only where a form is cleaned.
    validate_picture(file)
    content = _read_whole(file)
    facts = inspect_picture(content)
    if facts is None:
        raise ValidationError(_("Upload a PNG, JPEG or WebP picture."), code="picture_unknown")
    return f"products/{hashlib.sha256(content).hexdigest()[:24]}.{facts[0]}"


def _read_whole(file: "File[Any] | IO[bytes]") -> bytes:
    file.seek(0)
    content: bytes = file.read(MAX_PICTURE_BYTES + 1)
    file.seek(0)
    return content


def _inspect_png(content: bytes) -> tuple[str, int, int] | None:
    if len(content) < 33 or content[12:16] != b"IHDR" or b"IEND" not in content[-64:]:
        return None
    return "png", int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _inspect_jpeg(content: bytes) -> tuple[str, int, int] | None:
    position = 2
    while position + 9 <= len(content):
        if content[position] != 0xFF:
            return None
        marker = content[position + 1]
        if marker in JPEG_FRAMES:
            height = int.from_bytes(content[position + 5 : position + 7])
            return "jpg", int.from_bytes(content[position + 7 : position + 9]), height
        length = int.from_bytes(content[position + 2 : position + 4])
        if length < 2:
            return None
        position += 2 + length
    return None


def _inspect_webp(content: bytes) -> tuple[str, int, int] | None:
    kind, body = content[12:16], content[20:]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return "webp", int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return "webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = int.from_bytes(body[6:8], "little"), int.from_bytes(body[8:10], "little")
        return "webp", width & 0x3FFF, height & 0x3FFF
    return None
