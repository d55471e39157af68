"""Reading a retailer's file: mapping, gzip, encodings, and damages told with line numbers."""

import gzip

import pytest

from pgs_web.display.product.invoices.reading import (
    COLUMNS,
    LONGEST_LINE_BYTES,
    DamagedFile,
    parse_mapping,
    read_invoices,
)

HEADER = ",".join(COLUMNS)
LINE = "536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"


def write(tmp_path, *lines, name="file.csv", encoding="utf-8", end="\n"):
    path = tmp_path / name
    content = end.join(lines).encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def rows_of(path, **options):
    return list(read_invoices(path, **options))


def damage_of(path, **options):
    with pytest.raises(DamagedFile) as caught:
        rows_of(path, **options)
    return caught.value


@pytest.mark.parametrize("name", ["file.csv", "file.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_carry_their_line_numbers(tmp_path, name, end):
    path = write(tmp_path, HEADER, LINE, LINE.replace("WHITE HEART", '"RED, ""BIG"""'), name=name, end=end)
    first, second = rows_of(path)
    assert (first.number, first.stock_code, first.unit_price, first.country) == (2, "85123A", "2.55", "United Kingdom")
    assert (second.number, second.description) == (3, 'RED, "BIG"')


def test_gzip_is_known_by_its_content(tmp_path):
    path = write(tmp_path, HEADER, LINE, name="file.csv.gz").rename(tmp_path / "file.csv")
    assert len(rows_of(path)) == 1


def test_a_quoted_line_break_counts_as_two_lines(tmp_path):
    path = write(tmp_path, HEADER, LINE.replace("WHITE HEART", '"WHITE\nHEART"'), LINE)
    assert [row.number for row in rows_of(path)] == [2, 4]


def test_columns_in_another_order_under_other_names(tmp_path):
    path = write(
        tmp_path,
        "extra,qty,Country,CustomerID,price,InvoiceDate,Description,StockCode,InvoiceNo",
        "x,6,UK,1,2.5,d,T,C,I",
    )
    (row,) = rows_of(path, mapping=parse_mapping(" Quantity=qty , UnitPrice=price,"))
    assert (row.quantity, row.unit_price, row.invoice_no, row.country) == ("6", "2.5", "I", "UK")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Quantity", "isn't of the form"),
        ("Quantity=", "isn't"),
        ("Menge=qty", "none of our"),
        ("Country=a,Country=b", "twice"),
    ],
)
def test_a_wrong_mapping_is_explained(text, message):
    with pytest.raises(ValueError, match=message):
        parse_mapping(text)


def test_missing_columns_are_named(tmp_path):
    damage = damage_of(write(tmp_path, HEADER.replace("Quantity", "qty"), LINE))
    assert damage.lines == (1,)
    assert "Quantity" in str(damage)
    assert "qty" in str(damage)
    assert "--map" in str(damage)


@pytest.mark.parametrize("lines", [[], [""], ["", HEADER, LINE]])
def test_an_empty_file_is_told(tmp_path, lines):
    assert damage_of(write(tmp_path, *lines)).lines == (1,)


def test_a_column_named_twice_is_told(tmp_path):
    assert "Country" in str(damage_of(write(tmp_path, f"{HEADER},Country", LINE)))


def test_rows_of_another_length_are_all_told_at_the_end(tmp_path):
    path = write(tmp_path, HEADER, LINE, "1,2,3", LINE, f"{LINE},more", LINE)
    seen: list[int] = []
    with pytest.raises(DamagedFile) as caught:
        seen.extend(row.number for row in read_invoices(path))
    assert caught.value.lines == (3, 5)
    assert "3, 5" in str(caught.value)


def test_a_thousand_damaged_rows_end_in_a_short_message(tmp_path):
    damage = damage_of(write(tmp_path, HEADER, *["1,2"] * 1000))
    assert len(damage.lines) == 20
    assert "or more" in str(damage)


def test_empty_lines_are_rows_without_anything(tmp_path):
    first, second = rows_of(write(tmp_path, HEADER, "", LINE))
    assert (first.number, first.stock_code, second.number) == (2, "", 3)


def test_a_quotation_mark_that_is_never_closed_is_told_where_it_opens(tmp_path):
    damage = damage_of(write(tmp_path, HEADER, LINE, LINE.replace("WHITE", '"WHITE'), *[LINE] * 50))
    assert damage.lines == (3,)


def test_a_quoted_field_without_end_is_not_read_into_memory(tmp_path):
    damage = damage_of(write(tmp_path, HEADER, LINE.replace("WHITE", '"WHITE'), *[LINE] * 50_000))
    assert damage.lines == (2,)


def test_a_line_without_end_is_not_read_into_memory(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(HEADER.encode() + b"\n" + b"x" * (LONGEST_LINE_BYTES + 1)))
    damage = damage_of(path)
    assert damage.lines == (2,)
    assert "longer than" in str(damage)


def test_other_encodings_are_told_and_can_be_named(tmp_path):
    path = write(tmp_path, HEADER, LINE, LINE.replace("WHITE", "£10"), encoding="latin-1")
    damage = damage_of(path)
    assert damage.lines == (3,)
    assert "--encoding" in str(damage)
    assert rows_of(path, encoding="latin-1")[1].description == "£10 HEART"
    chinese = write(tmp_path, HEADER, LINE.replace("WHITE", "白"), encoding="gb18030")
    assert rows_of(chinese, encoding="gb18030")[0].description == "白 HEART"


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    assert len(rows_of(write(tmp_path, HEADER, LINE, encoding="utf-8-sig"))) == 1


def test_a_nul_byte_is_told(tmp_path):
    assert damage_of(write(tmp_path, HEADER, LINE, LINE.replace("W", "\0"))).lines == (3,)


def test_a_cut_off_gzip_file_is_told_with_the_line_it_reached(tmp_path):
    lines = [LINE.replace("536365", str(number)) for number in range(20_000)]
    whole = write(tmp_path, HEADER, *lines, name="file.csv.gz")
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    damage = damage_of(whole)
    assert 100 < damage.lines[0] < 20_000
    assert "cut off" in str(damage)


def test_a_flipped_bit_in_gzip_data_is_told(tmp_path):
    path = write(
        tmp_path, HEADER, *[LINE.replace("536365", str(number)) for number in range(5_000)], name="file.csv.gz"
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert damage_of(path).lines[0] >= 1


def test_progress_is_heard(tmp_path):
    path = write(tmp_path, HEADER, *[LINE] * 5_000)
    heard: list[int] = []
    rows_of(path, on_bytes=heard.append)
    assert len(heard) >= 3
    assert heard[-1] == path.stat().st_size
