"""What may be uploaded as a picture, and how pictures are served."""

import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from pgs_web.display.product.models import Merchant, Product
from pgs_web.display.product.pictures import MAX_PICTURE_BYTES, inspect_picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def png(width=2, height=3):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0\0\0" * 3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width=4, height=5):
    app0 = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x11\0\0"
    return b"\xff\xd8" + app0 + frame + b"\xff\xd9"


def webp_lossless(width=6, height=7):
    bits = (width - 1) | ((height - 1) << 14)
    body = b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", bits) + b"\0" * 5
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def make_product(**fields):
    merchant, _is_new = Merchant.objects.get_or_create(code="m", defaults={"name": "果园"})
    return Product(merchant=merchant, code="p", title="桃", **fields)


@pytest.mark.parametrize(
    ("content", "facts"),
    [(png(), ("png", 2, 3)), (jpeg(), ("jpg", 4, 5)), (webp_lossless(), ("webp", 6, 7))],
)
def test_pictures_are_known_by_their_content(content, facts):
    assert inspect_picture(content) == facts


@pytest.mark.parametrize(
    "content",
    [
        b"",
        SVG,
        b"GIF89a" + b"\0" * 40,
        b"<html>",
        png()[:20],
        png()[:-12],
        jpeg()[:8],
        b"\xff\xd8\xff\xe0\0\0" * 9,
        b"RIFF\0\0\0\0WEBPVP8X",
        b"RIFF\0\0\0\0WEBPJUNK" + b"\0" * 40,
        b"MZ" + png(),
    ],
)
def test_everything_else_is_no_picture(content):
    assert inspect_picture(content) is None


@pytest.mark.django_db(databases="__all__")
def test_an_upload_is_named_after_its_content_whatever_it_was_called():
    product = make_product(picture=SimpleUploadedFile("../../evil.php", png()))
    product.full_clean()
    product.save()
    assert product.picture.name.startswith("products/")
    assert product.picture.name.endswith(".png")
    assert ".." not in product.picture.name
    with default_storage.open(product.picture.name) as stored:
        assert stored.read() == png()


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    "content", [SVG, b"<html></html>", png(6001, 1), png(0, 1), jpeg() + b"\0" * MAX_PICTURE_BYTES]
)
def test_a_hostile_upload_is_refused_in_forms_and_on_its_way_to_the_disk(content):
    with pytest.raises(ValidationError) as caught:
        make_product(picture=SimpleUploadedFile("picture.png", content)).full_clean()
    assert set(caught.value.message_dict) == {"picture"}
    with pytest.raises(ValidationError), transaction.atomic():
        make_product(picture=SimpleUploadedFile("picture.png", content)).save()
    assert not Product.objects.exists()


@pytest.mark.django_db(databases="__all__")
def test_a_product_with_one_of_our_drawings_can_still_be_edited():
    name = default_storage.save("products/drawn-1.svg", ContentFile(b"<svg/>"))
    product = make_product()
    product.picture.name = name
    product.full_clean()


@pytest.mark.django_db(databases="__all__")
def test_served_pictures_can_run_nothing(client):
    name = default_storage.save("products/served-1.svg", ContentFile(SVG))
    answer = client.get(f"/media/{name}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert "immutable" in answer["Cache-Control"]
    assert b"".join(answer.streaming_content) == SVG


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(
    "path",
    [
        "products/none-1.svg",
        "products/../secret.svg",
        "products/..%2f..%2fmanage.svg",
        "products/a.b.svg",
        "products/a.html",
        "products/",
        "secret.svg",
        "products/a.svg/",
        "products/a%00.svg",
        "products/a.svg%0a",
    ],
)
def test_nothing_else_is_served(client, path):
    default_storage.save("secret.svg", ContentFile(b"<svg/>"))
    default_storage.save("products/a.html", ContentFile(b"<script>"))
    assert client.get(f"/media/{path}").status_code in {400, 404}
