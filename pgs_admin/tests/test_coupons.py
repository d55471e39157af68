"""Campaigns in the back office: written by one, started by another, within the envelope; coupons are withdrawn."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from pgs_admin.tests.making import sign_in
from pgs_data.clock import database_now
from pgs_web.trade.coupon.models import Coupon, CouponCampaign
from pgs_web.trade.coupon.tests.making import issue

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def make_form(**changes: object) -> dict[str, object]:
    now = timezone.localtime(database_now("default")).replace(microsecond=0)
    moments = {"valid_from": now, "expires_at": now + timedelta(days=3)}
    form: dict[str, object] = {
        f"{name}_{part}": moment.strftime(text)
        for name, moment in moments.items()
        for part, text in enumerate(("%Y-%m-%d", "%H:%M:%S"))
    }
    form |= {"title": "Spring", "amount_fen": 500, "threshold_fen": 2000, "stack_group": "shop", "mode": ""}
    form |= {"product_id": "", "activity_id": "", "total_count": 100, "envelope_fen": 50_000, "members": ""}
    return form | changes


def press(client, button, row):
    return client.post(reverse(f"admin:{button}", args=[row.pk]), {"_form_submitted": "on", "reason": "because"})


def outcomes() -> list[tuple[str, str]]:
    rows = LogEntry.objects.order_by("id").values_list("additional_data", flat=True)
    return [(row["act"], row.get("outcome", "-")) for row in rows]


def test_a_campaign_is_looked_at_twice_and_started_by_somebody_else():
    writer, finance = sign_in("operations"), sign_in("finance")
    add = reverse("admin:coupon_couponcampaign_add")
    first = writer.post(add, make_form(), headers={"accept-language": "en"})
    assert "100 coupons can cost up to" in first.context["adminform"].form.errors["seen"][0]
    for wrong, field in (
        ({"envelope_fen": 49_999}, "envelope_fen"),
        ({"amount_fen": 0}, "amount_fen"),
        ({"members": "1 x"}, "members"),
        ({"members": "99999999999999999999"}, "members"),
        ({"expires_at_0": "2020-01-01"}, "expires_at"),
        ({"valid_from_0": "0001-01-01"}, "valid_from"),
    ):
        refused = writer.post(add, make_form(seen="on", **wrong))
        assert field in refused.context["adminform"].form.errors, wrong
    assert outcomes() == []
    assert writer.post(add, make_form(seen="on", members="3 1 3")).status_code == 302
    campaign = CouponCampaign.objects.get()
    assert (campaign.state, campaign.member_ids, campaign.liability_fen) == ("DRAFT", [1, 3], 50_000)
    assert campaign.opened_by == f"operator:{writer.operator.pk}"
    assert press(writer, "coupon_couponcampaign_start_campaign", campaign).status_code == 403
    press(finance, "coupon_couponcampaign_start_campaign", campaign)
    press(finance, "coupon_couponcampaign_start_campaign", campaign)
    press(finance, "coupon_couponcampaign_stop_campaign", campaign)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.started_by) == ("STOPPED", f"operator:{finance.operator.pk}")
    assert outcomes() == [
        ("add", "done"),
        ("start_campaign", "done"),
        ("start_campaign", "refused: wrong_campaign_state"),
        ("stop_campaign", "done"),
    ]
    page = reverse("admin:coupon_couponcampaign_change", args=[campaign.pk])
    assert "¥500" in finance.get(page).content.decode()


def test_who_may_do_both_needs_somebody_else_all_the_same():
    both, other = sign_in("admin"), sign_in("finance")
    assert both.post(reverse("admin:coupon_couponcampaign_add"), make_form(seen="on")).status_code == 302
    campaign = CouponCampaign.objects.get()
    for client in (both, other):
        press(client, "coupon_couponcampaign_start_campaign", campaign)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.started_by) == ("RUNNING", f"operator:{other.operator.pk}")
    assert outcomes() == [("add", "done"), ("start_campaign", "refused: same_person"), ("start_campaign", "done")]


def test_a_coupon_is_withdrawn_once():
    client, coupon = sign_in("service"), issue(member_id=251)
    for _ in range(2):
        press(client, "coupon_coupon_withdraw_coupon", coupon)
    assert Coupon.objects.get(pk=coupon.pk).state == "WITHDRAWN"
    assert outcomes() == [("withdraw_coupon", "done"), ("withdraw_coupon", "refused: coupon_not_usable")]
