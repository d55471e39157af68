from datetime import datetime

import pytest

from pgs_task.replay.lines import LineFilter, Unplayable
from pgs_web.display.product.invoices.reading import InvoiceRow


def row(number=2, invoice="536365", code="85123a", quantity="6", date="2010-12-01 08:26:00", customer="17850.0"):
    return InvoiceRow(number, invoice, code, "A HOLDER", quantity, date, "2.55", customer, "United Kingdom")


def play(rows, **options):
    chosen = LineFilter(codes=frozenset({"85123A"}), **options)
    return list(chosen.lines(rows)), chosen.left_out


def test_a_row_becomes_a_line():
    (line,), left_out = play([row()])
    assert (line.number, line.code, line.customer, line.quantity) == (1, "85123A", "17850", 6)
    assert line.time == datetime(2010, 12, 1, 8, 26)
    assert not line.is_cancellation
    assert not left_out


def test_a_cancelled_invoice_takes_units_back():
    (line,), _ = play([row(invoice="C536365", quantity="-6")])
    assert (line.is_cancellation, line.quantity) == (True, 6)


def test_an_invoice_without_a_customer_is_a_guest_of_its_own():
    (line,), _ = play([row(customer="")])
    assert line.customer == "guest-536365"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"code": "POST"}, Unplayable.NOT_IN_CATALOGUE),
        ({"quantity": "0"}, Unplayable.BAD_QUANTITY),
        ({"quantity": "1.5"}, Unplayable.BAD_QUANTITY),
        ({"quantity": "999999999"}, Unplayable.BAD_QUANTITY),
        ({"quantity": "-6"}, Unplayable.STOCK_CORRECTION),
        ({"invoice": "C1"}, Unplayable.STOCK_CORRECTION),
        ({"date": "yesterday"}, Unplayable.BAD_DATE),
    ],
)
def test_what_cannot_be_played_is_counted(bad, reason):
    lines, left_out = play([row(**bad)])
    assert (lines, left_out) == ([], {reason: 1})


def test_start_is_inclusive_end_exclusive_and_limit_counts_lines():
    dates = ["2010-12-01 00:00:00", "2010-12-02 00:00:00", "2010-12-03 00:00:00"]
    lines, left_out = play([row(date=date) for date in dates], start=datetime(2010, 12, 1), end=datetime(2010, 12, 3))
    assert [line.number for line in lines] == [1, 2]
    assert left_out == {Unplayable.OUTSIDE: 1}
    lines, _ = play([row() for _ in range(5)], limit=3)
    assert len(lines) == 3
