"""Gateways' raw texts as operators may see them: what signs, pays or names a person is covered."""

import re

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgs_admin.tables import ROWS_SHOWN, show_raw, show_table
from pgs_admin.words import say
from pgs_task.payment.models import Notice

COVER = "•••"
# Alipay's and WeChat's names, and what any gateway may call a signature, a secret or a person.
COVERED = (
    *("sign", "signature", "secret", "token", "api_key", "app_cert_sn", "alipay_cert_sn"),
    *("ciphertext", "nonce", "associated_data"),
    *("buyer_id", "buyer_user_id", "buyer_logon_id", "buyer_open_id", "open_id", "openid", "sub_openid", "payer"),
    *("mobile", "phone", "email", "seller_email", "buyer_email", "name", "receiver_name"),
)
_NAMES = "|".join(COVERED)
_IN_JSON = re.compile(rf'("(?:{_NAMES})"\s*:\s*)("(?:[^"\\]|\\.)*"|\{{[^{{}}]*\}})', re.IGNORECASE)
_IN_FORM = re.compile(rf"((?:^|[&?\s,(])(?:{_NAMES})=)([^&\s]*)", re.IGNORECASE)


def mask_raw(text: str) -> str:
    """The text with the values of secrets and personal data covered; everything else as it came."""
    return _IN_FORM.sub(rf"\1{COVER}", _IN_JSON.sub(rf'\1"{COVER}"', text))


def show_masked(text: str) -> SafeString:
    """Escaped, in fixed width."""
    return show_raw(mask_raw(text))


def unmask_notices(request: HttpRequest, payment_id: int, values: dict[str, object]) -> HttpResponse:
    """The deed of the button: answers into the dialog, since addresses of pages stay in histories."""
    rows = Notice.objects.filter(payment_id=payment_id).order_by("id")[:ROWS_SHOWN]
    table = show_table(
        [_("received at"), _("status"), _("raw text")],
        ([row.received_at, say(row.status), show_raw(row.raw)] for row in rows),
    )
    response = render(request, "pgs_admin/raw_notices.html", {"notices": table})
    response["Cache-Control"] = "no-store"
    return response
