"""`manage.py import_catalogue`: what it writes, that it is repeatable, and that a damaged file writes nothing."""

import gzip
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.test.utils import CaptureQueriesContext

from pgs_web.display.product import services
from pgs_web.display.product.invoices.catalogue import FoundProduct
from pgs_web.display.product.models import Merchant, Product, Sku
from pgs_web.display.product.services import ensure_merchant, import_products
from pgs_web.display.product.tests.test_invoice_reading import HEADER, LINE, write

pytestmark = pytest.mark.django_db(databases="__all__")
LINES = [
    LINE,
    LINE.replace("85123A", "22423").replace("WHITE HEART", "CAKESTAND").replace("2.55", "12.75"),
    LINE.replace("85123A", "POST").replace("WHITE HEART", "POSTAGE"),
    LINE.replace("536365", "C536365").replace(",6,", ",-6,"),
]


def run(capsys, path, *options):
    call_command("import_catalogue", str(path), "--json", *options)
    return json.loads(capsys.readouterr().out)


def everything():
    return list(Product.objects.order_by("id").values()), list(Sku.objects.order_by("id").values())


def test_products_skus_and_a_report(tmp_path, capsys):
    report = run(capsys, write(tmp_path, HEADER, *LINES, name="file.csv.gz"))
    assert report == {
        "lines_read": 4,
        "products": 2,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "skipped": {"not_a_product": 1, "cancelled_invoice": 1},
        "first_skipped_lines": {"not_a_product": 4, "cancelled_invoice": 5},
    }
    cake = Sku.objects.select_related("product__merchant").get(code="online-retail-22423")
    assert (cake.price_fen, cake.product.code, cake.product.title) == (1275, "22423", "CAKESTAND")
    assert (cake.product.title_en, cake.product.merchant.name) == ("CAKESTAND", "Online Retail")


def test_again_changes_nothing_and_a_new_price_changes_one(tmp_path, capsys):
    path = write(tmp_path, HEADER, *LINES)
    run(capsys, path)
    before = everything()
    report = run(capsys, path)
    assert (report["created"], report["updated"], report["unchanged"]) == (0, 0, 2)
    assert everything() == before
    report = run(capsys, write(tmp_path, HEADER, *LINES[1:], LINE.replace("2.55", "3.00")))
    assert (report["created"], report["updated"], report["unchanged"]) == (0, 1, 1)
    assert Sku.objects.get(code="online-retail-85123A").price_fen == 300
    report = run(capsys, write(tmp_path, HEADER, LINE.replace("WHITE", "RED").replace("2.55", "3.00")))
    assert (report["updated"], report["products"]) == (1, 1)
    product = Product.objects.get(code="85123A")
    assert (product.title, product.title_en) == ("RED HEART", "RED HEART")
    assert Product.objects.count() == 2


def test_a_product_that_lost_its_sku_gets_it_back(tmp_path, capsys):
    path = write(tmp_path, HEADER, *LINES)
    run(capsys, path)
    Sku.objects.filter(code="online-retail-22423").delete()
    assert run(capsys, path)["updated"] == 1
    assert Sku.objects.filter(code="online-retail-22423").exists()


def test_merchants_keep_their_catalogues_apart(tmp_path, capsys):
    path = write(tmp_path, HEADER, *LINES)
    run(capsys, path)
    run(capsys, path, "--merchant", "other", "--merchant-name", "Other")
    assert Product.objects.count() == Sku.objects.count() == 4
    assert Merchant.objects.get(code="other").name == "Other"


def test_other_column_names_and_the_table(tmp_path, capsys):
    path = write(tmp_path, HEADER.replace("Quantity", "qty"), *LINES)
    call_command("import_catalogue", str(path), "--map", "Quantity=qty")
    table = capsys.readouterr().out
    for word in ("lines read", "products created", "not_a_product", "cancelled_invoice"):
        assert word in table


def cut_off(path):
    content = gzip.compress("\n".join([HEADER, *LINES * 3_000]).encode())
    path.write_bytes(content[: len(content) // 2])


def too_few_columns(path):
    path.write_text("\n".join([HEADER, *LINES, "1,2,3", *LINES]))


def never_closed(path):
    path.write_text("\n".join([HEADER, *LINES, LINE.replace("WHITE", '"WHITE'), *LINES]))


@pytest.mark.parametrize(
    ("damage", "words"), [(cut_off, "cut off"), (too_few_columns, "lines 6"), (never_closed, "Line 6")]
)
def test_a_damaged_file_is_told_with_line_numbers_and_imports_nothing(tmp_path, capsys, damage, words):
    path = tmp_path / "damaged.csv"
    damage(path)
    with pytest.raises(CommandError) as caught:
        call_command("import_catalogue", str(path), "--json")
    assert words in str(caught.value)
    assert "line" in str(caught.value).lower()
    assert "Nothing was imported" in str(caught.value)
    assert capsys.readouterr().out == ""
    assert not Product.objects.exists()
    assert not Merchant.objects.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "Menge=qty"], "--map: 'Menge'"),
        (["--encoding", "klingon"], "no encoding"),
        (["--merchant", "x" * 40], "1 to 39"),
        (["--merchant", ""], "1 to 39"),
    ],
)
def test_wrong_options_are_explained(tmp_path, options, message):
    with pytest.raises(CommandError, match=message):
        call_command("import_catalogue", str(write(tmp_path, HEADER, *LINES)), *options)


def test_a_file_that_is_not_there_or_is_a_folder_is_told(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CommandError, match="can't be read"):
            call_command("import_catalogue", str(path))


def test_a_database_that_refuses_midway_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "PRODUCTS_A_CHUNK", 1)
    calls = []
    real = Sku.objects.bulk_create

    def refuse_second(rows, **options):
        calls.append(rows)
        if len(calls) == 2:
            raise DatabaseError("disk full")
        return real(rows, **options)

    monkeypatch.setattr(Sku.objects, "bulk_create", refuse_second)
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("import_catalogue", str(write(tmp_path, HEADER, *LINES)))
    assert len(calls) == 2
    assert not Product.objects.exists()
    assert not Sku.objects.exists()


def test_a_chunk_costs_the_same_statements_whatever_its_size():
    merchant = ensure_merchant(code="m", name="果园")
    found = [FoundProduct(code=f"C{number}", title="T", price_fen=100) for number in range(83)]
    with CaptureQueriesContext(connections["default"]) as few:
        import_products(merchant=merchant, found=found[:3])
    with CaptureQueriesContext(connections["default"]) as many:
        import_products(merchant=merchant, found=found[3:])
    assert len(many) == len(few)
