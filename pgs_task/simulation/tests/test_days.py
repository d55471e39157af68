"""Days out of invoice rows: who bought when, and what is left out is told."""

from datetime import datetime
from pathlib import Path

import pytest

from pgs_task.simulation.days import BuyingDay, DayReader, LeftOut
from pgs_web.display.product.invoices.reading import COLUMNS, read_invoices

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "online_retail_2010-12_2011-06.csv.gz"
LINES = """\
1,A,Cup,6,2010-12-01 08:26:00,2.55,17850.0,UK
1,B,Cup,6,2010-12-01 08:26:00,2.55,17850.0,UK
2,A,Cup,6,2010-12-01 09:00:00,2.55,13047,UK
3,A,Cup,6,2010-12-01 09:01:00,2.55,,UK
C4,A,Cup,-1,2010-12-01 09:02:00,2.55,1,UK
5,A,Cup,-1,2010-12-01 09:02:00,2.55,2,UK
6,A,Cup,x,2010-12-01 09:02:00,2.55,3,UK
7,A,Cup,1,yesterday,2.55,4,UK
8,A,Cup,1,2010-12-03 08:00:00,2.55,13047.0,UK
9,A,Cup,1,2010-12-02 08:00:00,2.55,5,UK
10,A,Cup,1,2010-12-03 09:00:00,2.55,6,UK
11,A,Cup,1,2011-12-03 09:00:00,2.55,7,UK
"""


def test_bad_rows_are_left_out_with_their_lines(tmp_path):
    path = tmp_path / "lines.csv"
    path.write_text(",".join(COLUMNS) + "\n" + LINES)
    reader = DayReader(end=datetime(2011, 1, 1))
    days = list(reader.days(read_invoices(path)))
    assert [(str(day.day), day.buyers) for day in days] == [
        ("2010-12-01", ("17850", "13047")),
        ("2010-12-03", ("13047", "6")),
    ]
    assert reader.rows == 12
    assert reader.lines == {
        LeftOut.NO_CUSTOMER: [5],
        LeftOut.CANCELLED: [6],
        LeftOut.BAD_QUANTITY: [7, 8],
        LeftOut.BAD_DATE: [9],
        LeftOut.EARLIER_DAY: [11],
        LeftOut.OUTSIDE: [13],
    }


def test_a_file_without_rows_has_no_days():
    assert list(DayReader().days([])) == []


def test_the_retailers_first_days():
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent: the retailer's file isn't part of the repository.")
    days = DayReader().days(read_invoices(REAL))
    # Streamed: the rest of the file isn't read.
    first, second = next(days), next(days)
    assert isinstance(first, BuyingDay)
    assert (str(first.day), str(second.day)) == ("2010-12-01", "2010-12-02")
    assert len(first.buyers) > 50
    assert len(set(first.buyers)) == len(first.buyers)
    assert first.buyers[0] == "17850"
