"""Every page opens for who may see it, with hostile texts escaped and without writing anything."""

import pytest
from django.contrib import admin
from django.urls import reverse
from zeal import zeal_ignore

from pgs_admin.play.roles import shown_of_plays
from pgs_admin.tests.making import HOSTILE, PHONE, make_shop, sign_in

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

LISTS = (
    *("product_merchant", "product_product", "product_sku", "activity_activity", "order_order", "group_group"),
    "group_guarantee",
    "group_deadlineextension",
    *("coupon_coupon", "coupon_couponcampaign"),
    "rescue_rescue",
    *("delivery_shipment", "payment_payment", "payment_refund", "payment_notice", "member_member"),
    *("after_sale_aftersalerequest", "anomalies_anomaly"),
    *("statements_statementday", "statements_statementdifference"),
    *("auth_user", "auth_group", "auditlog_logentry"),
)
OTHER_PAGES = tuple(
    f"back_office:{name}"
    for name in ("flow", "guarantees", "invariants", "gateways", "compare_day", "settlement", "settlement_csv", "plays")
)


def detail_pages(shop):
    sku = shop.activity.sku
    rows = [shop.activity, shop.member, shop.unpaid, shop.paid, shop.payment, shop.group]
    rows += [shop.request, shop.anomaly, shop.difference, shop.difference.statement]
    rows += [shop.coupon, shop.campaign]
    rows += [sku, sku.product, sku.product.merchant]
    return [reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) for row in rows]


@pytest.mark.slow
def test_every_page_opens():
    shop, client = make_shop(), sign_in("admin")
    pages = [reverse("admin:index"), *map(reverse, OTHER_PAGES)]
    pages += [reverse(f"admin:{name}_changelist") for name in LISTS]
    pages += [reverse(f"admin:{name}_add") for name in ("activity_activity", "product_product", "auth_user")]
    for page in [*pages, *detail_pages(shop)]:
        response = client.get(page)
        assert response.status_code == 200, page
        assert HOSTILE not in response.content.decode(), page


@pytest.mark.slow
def test_searches_and_filters_of_strangers():
    make_shop()
    client = sign_in("admin")
    # Where each list has fields of its own; the rest is the same code for all of them.
    of_each = ("q=1", "q=x%00", "q=99999999999999999999", "q='--", "o=1", "state=RUNNING", "id__gt=x")
    of_all = ("p=99999", "p=-1", "p=x", "_facets=True", "all=1", "state__exact=SUCCEEDED", "nonsense=1")
    for name in LISTS:
        page = reverse(f"admin:{name}_changelist")
        for query in (*of_each, *(of_all if name in {"product_product", "payment_payment"} else ())):
            response = client.get(f"{page}?{query}", follow=True)
            assert response.status_code in {200, 400}, (name, query)


@pytest.mark.slow
def test_pages_of_rows_that_dont_exist():
    client = sign_in("admin")
    for wrong in ("1", "0", "x", "99999999999999999999", "-1", "1%00"):
        for name in LISTS:
            # On an operator's page, who asks and who is looked at come from the same table: two reads, no loop.
            with zeal_ignore([{"model": "auth.User", "field": "get()"}]):
                response = client.get(f"/admin/{'/'.join(name.rsplit('_', 1))}/{wrong}/change/")
            # Back to the list, or the operator's own page: id 1 may be anybody.
            assert response.status_code in {200, 302}, (name, wrong)


@pytest.mark.slow
def test_members_are_masked_everywhere():
    shop, client = make_shop(), sign_in("service")
    for page in (reverse("admin:member_member_changelist"), *detail_pages(shop)):
        shown = client.get(page).content.decode()
        assert PHONE not in shown
        assert "人民路一百号" not in shown
    assert "139****5678" in client.get(reverse("admin:member_member_changelist") + f"?q={PHONE}").content.decode()


def test_a_row_on_a_node_is_never_edited_or_deleted_by_hand():
    shop, client = make_shop(), sign_in("admin")
    for row in (shop.unpaid, shop.group, shop.payment):
        for page in ("change", "delete", "history"):
            url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])
            assert client.post(url, {"state": "PAID"}).status_code == 403


def test_the_back_office_alone_may_evaluate_scripts(client):
    assert "'unsafe-eval'" in client.get("/admin/login/").headers["Content-Security-Policy"]
    assert "'unsafe-eval'" not in client.get("/api/v1/home/").headers["Content-Security-Policy"]


def test_every_registered_page_is_judged_here():
    names = {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    foreign = {name for name in names if name.startswith(("axes_", "django_celery_beat_"))}
    # A game's own tests judge its pages.
    games = {name.replace(".", "_") for name in shown_of_plays()}
    assert names - foreign - games == set(LISTS)
