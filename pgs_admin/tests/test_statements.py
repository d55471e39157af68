"""The desk of differences: compared by hand or with a file, worked off with a reason, each with its audit row."""

from datetime import date, timedelta

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from pgs_admin.tests.making import make_shop, sign_in
from pgs_admin.tests.test_acts import outcomes, press
from pgs_data.clock import database_now
from pgs_task.payment.gateways.statement_days import day_of
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.services import uploading
from pgs_task.statements.states import DayState, DifferenceState

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

PAGE = "back_office:compare_day"
HEADER = "kind,payment_id,trade_no,amount_fen,refund_no,fee_fen\n"


def yesterday() -> date:
    return day_of(database_now("default")) - timedelta(days=1)


def bring(client, text: str, *, day: date | str):
    file = SimpleUploadedFile("=cmd.csv", text.encode(), content_type="text/csv")
    return client.post(reverse(PAGE), {"gateway": "sandbox", "day": str(day), "file": file})


@pytest.mark.slow
def test_a_difference_is_worked_off_once():
    shop, client, other = make_shop(), sign_in("finance"), sign_in("finance")
    button = "statements_statementdifference_resolve_difference"
    press(client, button, shop.difference, reason="paid back by hand")
    press(other, button, shop.difference, reason="me too")
    shop.difference.refresh_from_db()
    assert (shop.difference.state, shop.difference.reason) == (DifferenceState.RESOLVED, "paid back by hand")
    assert shop.difference.settled_by == f"operator:{client.operator.pk}"
    assert StatementDay.objects.get().state == DayState.EXPLAINED
    assert outcomes() == [("resolve_difference", "done"), ("resolve_difference", "refused: difference_settled")]


@pytest.mark.slow
def test_a_day_is_compared_by_hand_and_again():
    make_shop()
    client = sign_in("finance")
    answer = client.post(reverse(PAGE), {"gateway": "sandbox", "day": str(yesterday())})
    statement = StatementDay.objects.get(day=yesterday())
    assert answer.url == reverse("admin:statements_statementday_change", args=[statement.pk])
    assert statement.state == DayState.FITS
    press(client, "statements_statementday_compare_again", statement)
    assert outcomes() == [("compare_day", "done"), ("compare_again", "done")]


@pytest.mark.slow
def test_a_file_is_compared(monkeypatch):
    make_shop()
    client = sign_in("finance")
    bring(client, f"{HEADER}PAYMENT,5,foreign,990,,\n", day=yesterday())
    statement = StatementDay.objects.get(day=yesterday())
    assert (statement.state, statement.is_uploaded) == (DayState.DIFFERS, True)
    assert StatementDifference.objects.get(statement=statement).number == "foreign"
    row = LogEntry.objects.get()
    assert (row.object_id, row.additional_data["outcome"]) == (statement.pk, "done")
    for wrong in ("", "<html>", f"{HEADER}PAYMENT,5,x,9e9,,\n"):
        assert bring(client, wrong, day=yesterday()).status_code == 200
    assert bring(client, HEADER, day="2026-02-30").status_code == 200
    assert bring(client, HEADER, day=yesterday() + timedelta(days=3)).status_code == 200
    monkeypatch.setattr("pgs_admin.statements.views.LARGEST_FILE", 10)
    assert bring(client, HEADER, day=yesterday()).status_code == 200
    statement.refresh_from_db()
    assert (statement.difference_count, StatementDay.objects.count()) == (1, 2)
    assert uploading.LARGEST_FILE == 20 * 1024 * 1024
    # An empty file, and what the form refuses, is no act.
    assert [outcome for _act, outcome in outcomes()] == [
        "done",
        *["refused: statement_not_read"] * 2,
        "refused: day_not_over",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["viewer", "operations", "service"])
def test_others_may_look_and_not_act(role):
    shop, client = make_shop(), sign_in(role)
    assert client.get(reverse(PAGE)).status_code == 403
    assert bring(client, HEADER, day=yesterday()).status_code == 403
    assert (
        client.get(reverse("admin:statements_statementday_change", args=[shop.difference.statement_id])).status_code
        == 200
    )
    assert outcomes() == []
