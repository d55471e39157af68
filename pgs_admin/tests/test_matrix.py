"""Who sees which page, and that looking changes nothing: every role on every page, list, detail and button."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connections
from django.urls import reverse
from zeal import zeal_ignore

from pgs_admin.play.roles import shown_of_plays
from pgs_admin.tests.making import make_shop, sign_in
from pgs_admin.tests.test_acts import PRESSED_BY, ROLES, target_of
from pgs_admin.tests.test_pages import LISTS, OTHER_PAGES, detail_pages
from pgs_data.sharding.slots import node_aliases

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]

# Lists that not everybody sees → who does, beside who may do everything.
SEEN_BY = {"auth_user": set(), "auth_group": set(), "auditlog_logentry": {"finance"}}
# Pages that add or change by a form → who may.
WRITTEN_BY = {
    "product_merchant": {"operations"},
    "product_product": {"operations"},
    "product_sku": {"operations"},
    "activity_activity": {"operations"},
    "group_deadlineextension": {"operations"},
    "coupon_couponcampaign": {"operations"},
    "auth_user": set(),
    "auth_group": set(),
}
# What signing in and being signed in writes.
OF_THE_SESSION = {"sessions.session", "auth.user"}


def all_rows() -> dict[tuple[str, str], list[Any]]:
    """Every row of every table of every database, but for sessions."""
    models = [model._meta for model in apps.get_models() if not model._meta.proxy]
    looked_at = {model.db_table for model in models if model.label_lower not in OF_THE_SESSION}
    rows = {}
    for alias in ("default", *node_aliases()):
        connection = connections[alias]
        with connection.cursor() as cursor:
            for table in looked_at.intersection(connection.introspection.table_names(cursor)):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                rows[alias, table] = sorted(map(repr, cursor.fetchall()))
    return rows


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_its_pages_and_no_other(role: str):
    shop, client = make_shop(), sign_in(role)
    for name in LISTS:
        expected = 200 if name not in SEEN_BY or role in SEEN_BY[name] else 403
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == expected, name
    for page in detail_pages(shop):
        assert client.get(page).status_code == 200, page
    assert client.get(reverse("back_office:flow")).status_code == 200
    may_check = 200 if role in {"operations", "finance"} else 403
    for method in (client.get, client.post):
        assert method(reverse("back_office:invariants")).status_code == may_check


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_by_its_forms_and_no_other(role: str):
    shop, client = make_shop(), sign_in(role)
    before = all_rows()
    for name in LISTS:
        expected = 200 if role in WRITTEN_BY.get(name, set()) else 403
        # An empty form: the right to send it is judged before what is in it.
        for method in (client.get, client.post):
            assert method(reverse(f"admin:{name}_add")).status_code == expected, name
    for page in detail_pages(shop):
        delete = page.replace("/change/", "/delete/")
        assert client.post(delete, {"post": "yes"}).status_code == 403, delete
        if role != "operations":
            assert client.post(page, {"title": "x"}).status_code == 403, page
    assert all_rows() == before


def test_looking_changes_nothing():
    shop, client = make_shop(), sign_in("admin")
    pages = [reverse("admin:index"), *map(reverse, OTHER_PAGES)]
    pages += [reverse(f"admin:{name}_changelist") for name in LISTS] + detail_pages(shop)
    buttons = [reverse(f"admin:{button}", args=[target_of(shop, button).pk]) for button in PRESSED_BY]
    before = all_rows()
    sent = {"_form_submitted": "on", "reason": "x", "difference": "1", "refund_no": "x", "is_quiet": "1"}
    sent |= {"action": "take_off_shelf", "_selected_action": "1"}
    for page in [*pages, *buttons]:
        # On an operator's page, who asks and who is looked at come from the same table.
        with zeal_ignore([{"model": "auth.User", "field": "get()"}]):
            assert client.get(page, sent, follow=True).status_code == 200, page
    for page in buttons:
        assert client.head(page).status_code in {200, 302, 405}, page
    assert all_rows() == before


def test_every_button_is_in_the_matrix():
    buttons = {
        f"{model._meta.app_label}_{model._meta.model_name}_{name}"
        for model, page in admin.site._registry.items()
        for name in _names(getattr(page, "actions_detail", ()))
        # A game's own tests judge its buttons.
        if model._meta.label_lower not in shown_of_plays()
    }
    assert buttons == set(PRESSED_BY)
    for model, page in admin.site._registry.items():
        # Unfold's other buttons are links: a GET would act.
        assert not any(getattr(page, kind, ()) for kind in ("actions_list", "actions_row", "actions_submit_line")), (
            model
        )


def _names(actions: Any) -> list[str]:
    return [name for one in actions for name in ([one] if isinstance(one, str) else one["items"])]
