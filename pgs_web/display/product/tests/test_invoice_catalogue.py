"""The catalogue in invoice lines: what is a product, its title, its price, and why other lines are not."""

from collections import Counter
from statistics import median_low

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgs_web.display.product.invoices import catalogue
from pgs_web.display.product.invoices.catalogue import CatalogueFinder, Skipped, lower_median, price_in_fen
from pgs_web.display.product.invoices.reading import DamagedFile, InvoiceRow


def row(number=2, invoice="536365", code="85123A", title="WHITE HEART", quantity="6", price="2.55"):
    return InvoiceRow(number, invoice, code, title, quantity, "2010-12-01 08:26:00", price, "17850.0", "UK")


def find(*rows):
    finder = CatalogueFinder()
    for one in rows:
        finder.add(one)
    return finder, list(finder.products())


def test_most_used_title_and_median_price():
    rows = [row(title="RED HEART", price=price) for price in ("1.00", "9.00")]
    rows += [row(title="  WHITE   HEART ", price=price) for price in ("2.00", "2.10", "2.20")]
    _finder, (product,) = find(*rows)
    assert (product.code, product.title, product.price_fen) == ("85123A", "WHITE HEART", 210)


def test_of_equally_used_titles_always_the_same():
    rows = [row(title="B"), row(title="A")]
    assert find(*rows)[1] == find(*reversed(rows))[1]
    assert find(*rows)[1][0].title == "A"


def test_a_code_in_small_letters_is_the_same_product():
    _finder, products = find(row(code="85123a "), row(code="85123A"))
    assert [product.code for product in products] == ["85123A"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "POST"}, Skipped.NOT_A_PRODUCT),
        ({"code": "m"}, Skipped.NOT_A_PRODUCT),
        ({"code": "BANK CHARGES"}, Skipped.NOT_A_PRODUCT),
        ({"code": "AMAZONFEE"}, Skipped.NOT_A_PRODUCT),
        ({"code": "gift_0001_10"}, Skipped.NOT_A_PRODUCT),
        ({"code": ""}, Skipped.NO_CODE),
        ({"code": "8" * 21}, Skipped.BAD_CODE),
        ({"code": "85{1}"}, Skipped.BAD_CODE),
        ({"code": "８５"}, Skipped.BAD_CODE),
        ({"invoice": "C536379"}, Skipped.CANCELLED),
        ({"title": ""}, Skipped.NO_DESCRIPTION),
        ({"title": "???"}, Skipped.NO_DESCRIPTION),
        ({"title": "A" * 121}, Skipped.BAD_DESCRIPTION),
        ({"title": "A\x07B"}, Skipped.BAD_DESCRIPTION),
        ({"quantity": "six"}, Skipped.BAD_QUANTITY),
        ({"quantity": "0"}, Skipped.BAD_QUANTITY),
        ({"quantity": "1.5"}, Skipped.BAD_QUANTITY),
        ({"quantity": "９"}, Skipped.BAD_QUANTITY),
        ({"price": ""}, Skipped.BAD_PRICE),
        ({"price": "nan"}, Skipped.BAD_PRICE),
        ({"price": "1e999"}, Skipped.BAD_PRICE),
        ({"price": "10000000.01"}, Skipped.BAD_PRICE),
        ({"price": "0.0"}, Skipped.NO_PRICE),
        ({"price": "-11062.06"}, Skipped.NO_PRICE),
        ({"price": "0.004"}, Skipped.NO_PRICE),
    ],
)
def test_other_lines_are_counted_by_reason_with_their_first_line(changes, reason):
    finder, products = find(row(), row(number=7, **changes), row(number=9, **changes))
    assert finder.skipped == Counter({reason: 2})
    assert finder.first_lines == {reason: 7}
    assert finder.rows == 3
    assert len(products) == 1


def test_a_price_is_rounded_half_up_not_to_even():
    assert [price_in_fen(text) for text in ("0.005", "0.025", "2.675", "2", "12.3")] == [1, 3, 268, 200, 1230]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_the_median_is_the_lower_middle(values):
    assert lower_median(Counter(values)) == median_low(values)


def test_a_file_with_absurdly_many_products_is_refused(monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_PRODUCTS", 3)
    with pytest.raises(DamagedFile, match="line 40"):
        find(*[row(number=37 + number, code=f"X{number}") for number in range(5)])
