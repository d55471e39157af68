"""The merchants' report: a page, a file that no spreadsheet runs, and computing a day anew."""

from datetime import date

import pytest
from django.urls import reverse

from pgs_admin.tests.making import sign_in
from pgs_admin.tests.test_acts import outcomes
from pgs_task.settlement import selectors
from pgs_task.settlement.models import MerchantDay, SettlementDay
from pgs_web.display.product.models import Merchant

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

PAGE, FILE = "back_office:settlement", "back_office:settlement_csv"
DAY = date(2026, 1, 2)
RANGE = {"first": "2026-01-01", "last": "2026-01-03"}


@pytest.fixture
def merchant() -> Merchant:
    merchant = Merchant.objects.create(code="m", name="=1+cmd|' /C calc'!A0")
    for day in (DAY, DAY.replace(day=3)):
        MerchantDay.objects.create(
            day=day, merchant_id=merchant.pk, paid_count=2, paid_fen=1_980, earned_fen=-984, settlement_fen=-984
        )
    MerchantDay.objects.create(day=DAY, merchant_id=0, settlement_fen=123_456)
    SettlementDay.objects.create(day=DAY, computed_at="2026-01-03T00:10:00Z")
    return merchant


def test_the_report_of_some_days(merchant):
    client = sign_in("viewer")
    shown = client.get(reverse(PAGE), RANGE).content.decode()
    for text in ("=1+cmd|&#x27; /C calc&#x27;!A0", "-¥19.68", "¥1,234.56", "¥1,214.88", "2026-01-01, 2026-01-03"):
        assert text in shown
    assert client.post(reverse(PAGE), {"day": "2026-01-02"}).status_code == 403
    assert outcomes() == []


def test_the_file(merchant):
    answer = sign_in("viewer").get(reverse(FILE), RANGE)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("day,merchant_id,merchant_code,merchant_name,paid_count,paid_fen")
    assert lines[1] == "2026-01-02,0,,,0,0,0,0,0,0,0,0,123456"
    assert lines[2] == f"2026-01-02,{merchant.pk},m,'=1+cmd|' /C calc'!A0,2,1980,0,0,0,0,-984,0,-984"
    assert len(lines) == 4


def test_a_file_without_its_end_is_not_given(merchant, monkeypatch):
    client = sign_in("viewer")
    monkeypatch.setattr(selectors, "MOST_ROWS", 3)
    assert len(client.get(reverse(FILE), RANGE).content.decode().splitlines()) == 4
    monkeypatch.setattr(selectors, "MOST_ROWS", 2)
    answer = client.get(reverse(FILE), RANGE, follow=True)
    assert answer.redirect_chain == [(f"{reverse(PAGE)}?first=2026-01-01&last=2026-01-03", 302)]
    assert "50,000" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["first=x", "first=2026-02-30", "first=2026-01-02&last=2026-01-01", "first=2020-01-01", "last=%00"]
)
def test_strange_ranges(query):
    client = sign_in("viewer")
    assert client.get(f"{reverse(PAGE)}?{query}").status_code == 200
    assert client.get(f"{reverse(FILE)}?{query}").status_code == 302


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_ends_of_the_calendar(day):
    client, days = sign_in("viewer"), {"first": str(day), "last": str(day)}
    assert [client.get(reverse(page), days).status_code for page in (PAGE, FILE)] == [200, 200]


def test_a_day_is_computed_anew(merchant):
    client = sign_in("finance")
    for day in ("2026-01-02", "9999-12-31", "x", "", "0001-01-01"):
        assert client.post(reverse(PAGE), {"day": day}).status_code == 302
    assert outcomes() == [("settle_day", "done"), ("settle_day", "refused: day_not_over")]
    # Nothing happened on that day.
    assert list(MerchantDay.objects.values_list("day", flat=True)) == [DAY.replace(day=3)]
