"""Buttons: who may press which, what they do, and the audit row that each of them leaves."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from pgs_admin.audit import record_act
from pgs_admin.tests.making import PHONE, make_member, make_shop, sign_in
from pgs_data.clock import database_now
from pgs_task.payment.models import Refund
from pgs_task.payment.states import RefundState
from pgs_task.payment.tests.refunding import make_refunding
from pgs_task.reconciliation.checks.audit import operators_are_audited
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.activity.tests.making import make_activity, make_sku
from pgs_web.member.states import MemberState
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.group.models import DeadlineExtension, Group
from pgs_web.trade.group.services import extend_due_groups
from pgs_web.trade.order.models import OrderLog
from pgs_web.trade.order.services import mark_shipped
from pgs_web.trade.order.states import OrderState
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

# Button → who may press it, beside who may do everything.
PRESSED_BY = {
    "activity_activity_submit": {"operations"},
    "activity_activity_approve": {"operations"},
    "activity_activity_send_back": {"operations"},
    "activity_activity_pause": {"operations"},
    "activity_activity_resume": {"operations"},
    "activity_activity_end": {"operations"},
    "activity_activity_withdraw": {"operations"},
    "activity_activity_change_stock": {"operations"},
    "order_order_cancel_order": {"service"},
    "order_order_refund_order": {"service", "finance"},
    "order_order_ask_after_sale": {"service", "finance"},
    "after_sale_aftersalerequest_approve_request": {"service", "finance"},
    "after_sale_aftersalerequest_refuse_request": {"service", "finance"},
    "after_sale_aftersalerequest_receive_goods": {"service", "finance"},
    "coupon_coupon_withdraw_coupon": {"service", "finance"},
    "coupon_couponcampaign_start_campaign": {"finance"},
    "coupon_couponcampaign_stop_campaign": {"finance"},
    "payment_payment_retry_refund": {"finance"},
    "anomalies_anomaly_refund_anomaly": {"finance"},
    "anomalies_anomaly_explain_anomaly": {"finance"},
    "anomalies_anomaly_trace_anomaly": {"finance"},
    "payment_payment_unmask_notices": {"finance"},
    "payment_payment_claim_by_hand": {"finance"},
    "payment_payment_confirm_by_hand": {"finance"},
    "statements_statementday_compare_again": {"finance"},
    "statements_statementdifference_resolve_difference": {"finance"},
    "member_member_unmask": {"service"},
    "member_member_block": {"service"},
    "member_member_unblock": {"service"},
}
ROLES = ("viewer", "operations", "service", "finance")


def press(client, button: str, row, **values):
    values = {"_form_submitted": "on", "reason": "because", **values}
    return client.post(reverse(f"admin:{button}", args=[row.pk]), values)


def outcomes() -> list[tuple[str, str]]:
    return [
        (entry.additional_data["act"], entry.additional_data.get("outcome", "-"))
        for entry in LogEntry.objects.order_by("id")
    ]


def target_of(shop, button: str):
    kind = button.split("_")[0]
    targets = {"activity": shop.activity, "order": shop.unpaid, "payment": shop.payment, "member": shop.member}
    if kind == "statements":
        return shop.difference if "difference" in button else shop.difference.statement
    if kind == "coupon":
        return shop.campaign if "campaign" in button else shop.coupon
    return {**targets, "after": shop.request, "anomalies": shop.anomaly}[kind]


@pytest.mark.slow
def test_each_button_is_for_its_roles():
    shop = make_shop()
    clients = {role: sign_in(role) for role in ROLES}
    for button, roles in PRESSED_BY.items():
        url = reverse(f"admin:{button}", args=[target_of(shop, button).pk])
        for role, client in clients.items():
            # The dialog itself; pressing it is judged below for those who may open it.
            assert client.get(url).status_code == (200 if role in roles else 403), (button, role)
            if role not in roles:
                assert client.post(url, {"_form_submitted": "on", "reason": "x"}).status_code == 403, (button, role)
    assert not LogEntry.objects.exists()
    shop.unpaid.refresh_from_db()
    assert shop.unpaid.state == OrderState.UNPAID


def test_dialogs_of_rows_that_are_no_rows():
    client = sign_in("admin")
    # Those whose forms read the row.
    for button in ("payment_payment_retry_refund", "activity_activity_approve", "activity_activity_withdraw"):
        for wrong in ("x", str(2**63)):
            assert client.get(reverse(f"admin:{button}", args=[wrong])).status_code == 200, (button, wrong)


@pytest.mark.slow
def test_a_button_needs_the_token_of_the_page():
    shop, client = make_shop(), sign_in("service")
    client.handler.enforce_csrf_checks = True
    assert press(client, "order_order_cancel_order", shop.unpaid).status_code == 403


@pytest.mark.slow
def test_a_reason_is_asked_for():
    shop, client = make_shop(), sign_in("service")
    response = press(client, "order_order_cancel_order", shop.unpaid, reason="")
    assert response.status_code == 200
    shop.unpaid.refresh_from_db()
    assert shop.unpaid.state == OrderState.UNPAID
    assert outcomes() == []


@pytest.mark.slow
def test_cancel_and_refund_an_order():
    shop, client = make_shop(), sign_in("service")
    press(client, "order_order_cancel_order", shop.unpaid)
    press(client, "order_order_refund_order", shop.paid)
    press(client, "order_order_cancel_order", shop.paid)
    for order, state in ((shop.unpaid, OrderState.CANCELLED), (shop.paid, OrderState.REFUNDING)):
        order.refresh_from_db()
        assert order.state == state
        log = OrderLog.objects.filter(order_id=order.pk).order_by("sequence").last()
        assert log.actor == f"operator:{client.operator.pk}"
    assert outcomes() == [
        ("cancel_order", "done"),
        ("refund_order", "done"),
        ("cancel_order", "refused: wrong_state"),
    ]
    entry = LogEntry.objects.order_by("id").first()
    assert (entry.actor, entry.object_id, entry.additional_data["reason"]) == (
        client.operator,
        shop.unpaid.pk,
        "because",
    )
    assert entry.remote_addr == "127.0.0.1"
    assert entry.additional_data["trace_id"]


@pytest.mark.slow
def test_after_sale_is_asked_for_by_one_and_approved_by_another():
    shop, asker, other = make_shop(), sign_in("service"), sign_in("finance")
    mark_shipped(order_ids=[shop.paid.pk])
    wish = {"kind": "return_and_refund", "cause": "damaged", "amount_fen": "100", "quantity": "1"}
    press(asker, "order_order_ask_after_sale", shop.paid, **wish)
    request = AfterSaleRequest.objects.on_node(shop.paid._state.db).get(order_id=shop.paid.pk)
    page = "after_sale_aftersalerequest"
    press(asker, f"{page}_approve_request", request)
    press(other, f"{page}_approve_request", request, amount_fen="101")
    press(other, f"{page}_approve_request", request, amount_fen="60", reason="used")
    press(asker, f"{page}_receive_goods", request)
    press(asker, f"{page}_refuse_request", request)
    request.refresh_from_db()
    assert (request.state, request.approved_by) == ("REFUNDING", f"operator:{other.operator.pk}")
    assert (request.amount_fen, request.asked, request.quantity, request.answer) == (60, 100, 1, "used")
    assert [outcome for _act, outcome in outcomes()] == [
        *("done", "refused: same_person", "refused: more_than_asked", "done", "done", "refused: wrong_request_state")
    ]
    press(other, f"{page}_refuse_request", shop.request, reason="<b>no</b>")
    assert "&lt;b&gt;no" in other.get(reverse(f"admin:{page}_change", args=[shop.request.pk])).content.decode()
    assert offenders_of_audit() == []


def offenders_of_audit() -> list[str]:
    return list(operators_are_audited.find_offenders())


def test_a_refund_on_the_desk_is_tried_again():
    shop, client = make_shop(), sign_in("finance")
    now = database_now(shop.payment._state.db)
    Refund.objects.create(
        payment_id=shop.payment.pk,
        order_id=shop.paid.pk,
        refund_no="r-1",
        gateway="sandbox",
        amount_fen=shop.payment.amount_fen,
        reason="risk",
        state=RefundState.MANUAL,
        next_try_at=now,
        latest_by=now + timedelta(days=1),
        created_at=now,
    )
    press(client, "payment_payment_retry_refund", shop.payment, refund_no="r-1")
    press(client, "payment_payment_retry_refund", shop.payment, refund_no="<b>")
    assert Refund.objects.get(payment_id=shop.payment.pk).state == RefundState.PROCESSING
    first, second = outcomes()
    assert first[1] == "done"
    assert second[1].startswith("refused")


@pytest.mark.slow
def test_a_refund_paid_by_hand_is_claimed_by_one_and_confirmed_by_another():
    payment, one, two = make_refunding(member_id=501), sign_in("finance"), sign_in("finance")
    Refund.objects.filter(payment_id=payment.pk).update(state=RefundState.MANUAL)
    facts = {"refund_no": f"R{payment.pk}"}
    page = one.get(reverse("admin:payment_payment_claim_by_hand", args=[payment.pk])).content.decode()
    assert facts["refund_no"] in page
    press(two, "payment_payment_confirm_by_hand", payment, **facts)
    press(one, "payment_payment_claim_by_hand", payment, evidence="<b>bank 7</b>", **facts)
    press(one, "payment_payment_confirm_by_hand", payment, **facts)
    shown = two.get(reverse("admin:payment_payment_change", args=[payment.pk])).content.decode()
    assert "&lt;b&gt;bank 7" in shown
    press(two, "payment_payment_confirm_by_hand", payment, **facts)
    assert outcomes() == [
        ("confirm_by_hand", "refused: refund_not_claimed"),
        ("claim_by_hand", "done"),
        ("confirm_by_hand", "refused: refund_not_claimed"),
        ("confirm_by_hand", "done"),
    ]
    assert Refund.objects.get(payment_id=payment.pk).state == RefundState.SUCCEEDED


def test_personal_data_is_shown_once_and_nowhere_else():
    member, client = make_member(), sign_in("service")
    response = press(client, "member_member_unmask", member)
    shown = response.content.decode()
    assert PHONE in shown
    assert "人民路一百号之二" in shown
    assert "<script>" not in shown
    assert "no-store" in response.headers["Cache-Control"]
    assert not response.cookies
    assert outcomes() == [("unmask", "done")]
    assert PHONE not in str(LogEntry.objects.values())
    assert PHONE not in client.get(reverse("admin:member_member_change", args=[member.pk])).content.decode()


def test_block_and_unblock_a_member():
    member, client = make_member(), sign_in("service")
    press(client, "member_member_block", member)
    member.refresh_from_db()
    assert member.state == MemberState.BLOCKED
    press(client, "member_member_block", member)
    press(client, "member_member_unblock", member)
    member.refresh_from_db()
    assert member.state == MemberState.ACTIVE
    assert [outcome for _act, outcome in outcomes()] == ["done", "refused: wrong_state", "done"]


@pytest.mark.slow
def test_an_activity_from_draft_to_withdrawn():
    writer, reviewer = sign_in("operations"), sign_in("operations")
    now = database_now("default")
    activity = make_activity(starts_at=now - timedelta(minutes=1), ends_at=now + timedelta(hours=1))
    state = lambda: Activity.objects.get(pk=activity.pk).state  # noqa: E731
    press(writer, "activity_activity_submit", activity)
    assert state() == ActivityState.IN_REVIEW
    version = {"rules_version": activity.rules_version}
    press(writer, "activity_activity_approve", activity, **version)
    assert state() == ActivityState.IN_REVIEW, "who submitted it can't approve it"
    press(reviewer, "activity_activity_approve", activity, rules_version=activity.rules_version + 1)
    assert state() == ActivityState.IN_REVIEW, "the reviewer has seen other rules"
    press(reviewer, "activity_activity_send_back", activity)
    assert state() == ActivityState.DRAFT
    press(writer, "activity_activity_submit", activity)
    press(reviewer, "activity_activity_approve", activity, **version)
    assert state() == ActivityState.SCHEDULED
    press(writer, "activity_activity_pause", activity)
    assert state() == ActivityState.PAUSED
    press(writer, "activity_activity_resume", activity)
    assert state() == ActivityState.RUNNING
    press(writer, "activity_activity_withdraw", activity)
    assert outcomes()[-1][0] != "withdraw", "the second look at whom it hits was left out"
    press(writer, "activity_activity_withdraw", activity, seen="on")
    assert state() == ActivityState.WITHDRAWN
    refused = [outcome for act, outcome in outcomes() if act == "approve"]
    assert refused == ["refused: same_reviewer", "refused: activity_outdated", "done"]


def test_units_are_added_once_however_often_the_form_is_sent():
    activity, client = make_sale(stock=10), sign_in("operations")
    sent = {"difference": 5, "change_id": uuid4()}
    press(client, "activity_activity_change_stock", activity, **sent)
    press(client, "activity_activity_change_stock", activity, **sent)
    assert read_stock(activity.pk).total == 15
    press(client, "activity_activity_change_stock", activity, difference=-16, change_id=uuid4())
    assert read_stock(activity.pk).total == 15
    assert outcomes()[-1] == ("change_stock", "refused: stock_too_short")


def test_an_act_whose_row_cant_be_written_does_not_happen(monkeypatch: pytest.MonkeyPatch):
    shop, client = make_shop(), sign_in("service")

    def fail(*args, **kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("pgs_admin.acts.record_act", fail)
    with pytest.raises(RuntimeError):
        press(client, "order_order_cancel_order", shop.unpaid)
    shop.unpaid.refresh_from_db()
    assert shop.unpaid.state == OrderState.UNPAID
    assert record_act is not fail


def rules_form(activity=None, **changes):
    now = database_now("default").replace(microsecond=0)
    values = {
        "title": "新团",
        "title_en": "New",
        "play": "standard",
        "price_fen": 5000,
        "alone_price_fen": "",
        "group_size": 2,
        "member_limit": 1,
        "stock_total": 10,
        "group_lasts_seconds": 3600,
        "pay_within_seconds": 900,
        "leader_leaves": "succession",
        "new_seats": 0,
        "guaranteed_seats": 0,
        "guarantee_cap_fen": 0,
        "rules_version": activity.rules_version if activity else "",
        **{f"{name}_0": moment.strftime("%Y-%m-%d") for name, moment in (("starts_at", now), ("ends_at", now))},
        "starts_at_1": "00:00:00",
        "ends_at_1": "23:59:59",
    }
    return {**values, **changes}


def test_a_new_activity_and_its_errors_at_their_fields():
    client, sku = sign_in("operations"), make_sku(price_fen=10_000)
    add = reverse("admin:activity_activity_add")
    response = client.post(add, rules_form(sku=sku.pk, price_fen=10_001))
    assert response.status_code == 200
    assert "price_fen" in response.context["adminform"].form.errors
    assert not Activity.objects.exists()
    assert outcomes() == []
    response = client.post(add, rules_form(sku=sku.pk))
    assert response.status_code == 302, response.context["adminform"].form.errors
    activity = Activity.objects.get()
    assert (activity.alone_price_fen, activity.state) == (10_000, ActivityState.DRAFT)
    assert activity.logs.get().actor == f"operator:{client.operator.pk}"
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.additional_data["outcome"]) == (activity.pk, "done")


@pytest.mark.slow
def test_rules_that_somebody_else_changed_are_kept():
    client, activity = sign_in("operations"), make_activity()
    change = reverse("admin:activity_activity_change", args=[activity.pk])
    client.post(change, rules_form(activity, price_fen=4000))
    response = client.post(change, rules_form(activity, price_fen=3000), follow=True)
    assert response.status_code == 200
    assert Activity.objects.get().price_fen == 4000
    assert [outcome for _act, outcome in outcomes()] == ["done", "refused: activity_outdated"]


@pytest.mark.slow
def test_an_extension_is_looked_at_twice_and_leaves_its_row():
    shop, client = make_shop(), sign_in("operations")
    now = timezone.localtime(database_now("default")).replace(microsecond=0)
    moments = {"from_at": now - timedelta(hours=1), "to_at": now}
    form = {
        f"{name}_{part}": moment.strftime(text)
        for name, moment in moments.items()
        for part, text in enumerate(("%Y-%m-%d", "%H:%M:%S"))
    }
    form |= {"minutes": 30, "reason": "gateway down", "activity_id": ""}
    add = reverse("admin:group_deadlineextension_add")
    Group.objects.filter(pk=shop.group.pk).update(opened_at=now - timedelta(minutes=5))
    response = client.post(add, form, headers={"accept-language": "en"})
    assert "1 running groups would get 30 minutes more" in response.context["adminform"].form.errors["seen"][0]
    assert not DeadlineExtension.objects.exists()
    assert outcomes() == []
    assert client.post(add, form | {"minutes": 0, "seen": "on"}).status_code == 200
    for day in (date.min, date.max):
        assert client.post(add, form | {"from_at_0": str(day), "to_at_0": str(day), "seen": "on"}).status_code == 200
    assert client.post(add, form | {"seen": "on"}).status_code == 302
    extension = DeadlineExtension.objects.get()
    assert (extension.minutes, extension.actor) == (30, f"operator:{client.operator.pk}")
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.additional_data["outcome"]) == (extension.pk, "done")
    extend_due_groups()
    page = reverse("admin:group_deadlineextension_change", args=[extension.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, form | {"minutes": 5, "seen": "on"}).status_code == 403
