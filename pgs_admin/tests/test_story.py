"""The story of an order's money: found by every number, complete, and without secrets."""

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from pgs_admin.payment.raw import mask_raw
from pgs_admin.tests.making import HOSTILE, make_shop, sign_in
from pgs_admin.tests.test_query_counts import count_queries
from pgs_task.payment.gateways.contract import TradeAnswer, TradeState
from pgs_task.payment.models import Notice, Refund
from pgs_task.payment.services import process_due_refunds, request_refund
from pgs_task.payment.services.anomaly_tracing import refund_no_of_trade
from pgs_task.payment.services.calls import call_gateway
from pgs_task.payment.states import CallKind
from pgs_web.trade.order.services import start_refund
from pgs_web.trade.order.states import RefundReason

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.mark.slow
def test_the_story_of_an_orders_money_is_found_by_each_of_its_numbers():
    shop, client = make_shop(), sign_in("viewer")
    refund = make_refund_of(shop)
    story = reverse("back_office:story", args=[shop.paid.pk])
    refunds = refund.refund_no, f"{refund.refund_no}-1", refund_no_of_trade(payment_id=shop.payment.pk, trade_no="2nd")
    numbers = (shop.paid.pk, shop.payment.pk, shop.payment.trade_no, *refunds, "SBR-7")
    for number in (*numbers, f" {shop.paid.pk} "):
        assert client.get(reverse("back_office:find_story"), {"q": number}).headers.get("Location") == story, number
    found = client.get(reverse("back_office:find_story"), {"q": shop.request.pk})
    assert found.headers["Location"] == reverse("back_office:story", args=[shop.request.order_id])
    for hostile in ("1", "R1", "x\x00", "'--", "9" * 19, "R" * 200, "R1X", "R1Y2", "²", HOSTILE):
        response = client.get(reverse("back_office:find_story"), {"q": hostile})
        assert response.status_code == 200, hostile
        assert HOSTILE not in response.content.decode()
    shown = client.get(story).content.decode()
    assert HOSTILE not in shown
    for part in (refund.refund_no, "SBR-7", "customer_deposits", shop.payment.trade_no):
        assert part in shown, part
    assert client.get(reverse("back_office:story", args=[1])).status_code == 404


def make_refund_of(shop):
    start_refund(order_id=shop.paid.pk, reason=RefundReason.BY_OPERATOR, actor="test")
    refund = request_refund(order_id=shop.paid.pk, reason="by_operator")
    process_due_refunds()
    Refund.objects.filter(payment_id=shop.payment.pk).update(gateway_refund_no="SBR-7")
    return refund


@pytest.mark.slow
def test_a_story_costs_the_same_however_many_rows_it_has():
    shop, client = make_shop(), sign_in("viewer")
    story = reverse("back_office:story", args=[shop.paid.pk])
    client.get(story)
    before = count_queries(lambda: client.get(story))
    for place in range(3):
        call_gateway(lambda: TradeAnswer(state=TradeState.PAID), payment_id=shop.payment.pk, kind=CallKind.QUERY)
        notice = Notice.objects.filter(payment_id=shop.payment.pk).first()
        notice.pk, notice.notice_id = None, f"n-{place}"
        notice.save(force_insert=True)
    assert count_queries(lambda: client.get(story)) == before
    # Sessions and rights, and nine reads of the order's node.
    assert before[shop.paid._state.db] == 9


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('{"sign": "abc", "amount_fen": 5}', '{"sign": "•••", "amount_fen": 5}'),
        ('{"payer":{"openid":"o-1"},"id":"7"}', '{"payer":"•••","id":"7"}'),
        ('{"SIGN":"a\\"b","ciphertext":"x"}', '{"SIGN":"•••","ciphertext":"•••"}'),
        ("buyer_logon_id=a%40b&total=1&sign=x%2F", "buyer_logon_id=•••&total=1&sign=•••"),
        ("design=1&name_of=2", "design=1&name_of=2"),
        ('{"sign": "never closed', '{"sign": "never closed'),
    ],
)
def test_secrets_and_people_in_raw_texts_are_covered(raw, shown):
    assert mask_raw(raw) == shown


@pytest.mark.slow
def test_raw_texts_are_shown_to_who_may_and_written_down():
    shop, client = make_shop(), sign_in("finance")
    Notice.objects.filter(payment_id=shop.payment.pk).update(raw="sign=secret-7&a=<b>")
    page = reverse("admin:payment_payment_change", args=[shop.payment.pk])
    shop.anomaly.raw = '{"sign": "secret-8", "buyer_id": "2088-9", "trade_no": "second"}'
    shop.anomaly.save(update_fields=["raw"])
    assert "secret-7" not in client.get(page).content.decode()
    anomaly = client.get(reverse("admin:anomalies_anomaly_change", args=[shop.anomaly.pk])).content.decode()
    assert [text in anomaly for text in ("secret-8", "2088-9", "•••", "trade_no")] == [False, False, True, True]
    press = reverse("admin:payment_payment_unmask_notices", args=[shop.payment.pk])
    shown = client.post(press, {"_form_submitted": "on", "reason": "because"})
    assert "sign=secret-7&amp;a=&lt;b&gt;" in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]
    entry = LogEntry.objects.get()
    assert (entry.action, entry.additional_data["act"]) == (LogEntry.Action.ACCESS, "unmask_notices")
