"""Every write leaves its audit row, with what changed and without what nobody may read; P2 finds what has none."""

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from pgs_admin.tests.making import HOSTILE, PHONE, make_member, make_shop, sign_in
from pgs_admin.tests.test_acts import press
from pgs_task.reconciliation.checks.audit import operators_are_audited
from pgs_task.reconciliation.runner import judge
from pgs_web.display.activity.tests.making import make_sku
from pgs_web.display.product.models import Merchant, Product

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

PASSWORD = "a-long-secret-4711"


def entries() -> list[tuple[str, int | None, str]]:
    rows = LogEntry.objects.order_by("id")
    return [(row.additional_data["act"], row.object_id, row.additional_data.get("outcome", "-")) for row in rows]


def test_a_merchant_and_its_change():
    client = sign_in("operations")
    values = {"code": "new", "name": HOSTILE, "name_en": "", "is_open": "on"}
    assert client.post(reverse("admin:product_merchant_add"), values).status_code == 302
    merchant = Merchant.objects.get(code="new")
    page = reverse("admin:product_merchant_change", args=[merchant.pk])
    assert client.post(page, {**values, "name": "新"}).status_code == 302
    assert entries() == [("add", merchant.pk, "done"), ("change", merchant.pk, "done")]
    assert LogEntry.objects.latest("id").changes == {"name": [HOSTILE, "新"]}
    audit = sign_in("admin").get(reverse("admin:auditlog_logentry_change", args=[LogEntry.objects.latest("id").pk]))
    assert HOSTILE not in audit.content.decode()
    assert "&lt;script&gt;" in audit.content.decode()


def test_products_off_the_shelf():
    client, product = sign_in("operations"), make_sku().product
    values = {"action": "take_off_shelf", "_selected_action": [product.pk]}
    client.post(reverse("admin:product_product_changelist"), values)
    product.refresh_from_db()
    assert not product.is_on_shelf
    assert [(act, target) for act, target, _outcome in entries()] == [("take_off_shelf", product.pk)]


def test_a_spreadsheet_comes_in_and_goes_out():
    client, product = sign_in("operations"), make_sku().product
    Product.objects.filter(pk=product.pk).update(title="=1+1")
    page = reverse("admin:product_product_export")
    exported = client.post(page, {"format": "0", **{f"productresource_{name}": "on" for name in ("code", "title")}})
    assert "'=1+1" in exported.content.decode()
    assert not LogEntry.objects.exists()
    lines = f"merchant,code,category,title\n{product.merchant.code},{product.code},{product.category},'-2\n"
    file = SimpleUploadedFile("products.csv", lines.encode(), content_type="text/csv")
    asked = client.post(reverse("admin:product_product_import"), {"import_file": file, "format": "0"})
    form = asked.context["confirm_form"]
    client.post(reverse("admin:product_product_process_import"), form.initial)
    product.refresh_from_db()
    assert product.title == "-2"
    assert [(act, target) for act, target, _outcome in entries()] == [("import", product.pk)]


def test_an_operator_and_a_password():
    client = sign_in("admin")
    values = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post(reverse("admin:auth_user_add"), values).status_code == 302
    user = User.objects.get(username="new")
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    assert client.get(page).status_code == 200
    client.post(page, {"password1": PASSWORD + "x", "password2": PASSWORD + "x", "usable_password": "true"})
    user.refresh_from_db()
    assert user.check_password(PASSWORD + "x")
    assert [act for act, _target, _outcome in entries()] == ["add", "change_password"]
    assert PASSWORD not in str(list(LogEntry.objects.values()))


def test_each_look_at_personal_data_is_kept(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture):
    client, member = sign_in("service"), make_member()
    for reason in ("first call", "second call"):
        response = press(client, "member_member_unmask", member, reason=reason)
        assert PHONE in response.content.decode()
        assert not response.cookies
    rows = LogEntry.objects.order_by("id")
    assert [(row.action, row.object_id, row.additional_data["reason"]) for row in rows] == [
        (LogEntry.Action.ACCESS, member.pk, "first call"),
        (LogEntry.Action.ACCESS, member.pk, "second call"),
    ]
    written = capsys.readouterr()
    for text in (str(list(rows.values())), caplog.text, written.out, written.err, str(dict(client.session))):
        assert PHONE not in text
        assert "人民路" not in text


def test_a_look_whose_row_cant_be_written_shows_nothing(monkeypatch: pytest.MonkeyPatch):
    client, member = sign_in("service"), make_member()

    def fail(*args, **kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("pgs_admin.acts.record_act", fail)
    client.raise_request_exception = False
    response = press(client, "member_member_unmask", member)
    assert response.status_code == 500
    assert PHONE not in response.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["order", "activity"])
def test_a_step_without_its_row_is_found(kind: str):
    shop, client = make_shop(), sign_in("admin")
    press(client, "order_order_cancel_order", shop.unpaid)
    press(client, "activity_activity_pause", shop.activity)
    press(client, "activity_activity_resume", shop.activity)
    assert judge(operators_are_audited).is_ok
    LogEntry.objects.filter(content_type__model=kind).latest("id").delete()
    verdict = judge(operators_are_audited)
    assert verdict.count == 1
    assert kind in verdict.offenders[0]
    assert f"operator:{client.operator.pk}" in verdict.offenders[0]
