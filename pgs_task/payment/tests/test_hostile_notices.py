"""What strangers, and a gateway gone wrong, send over HTTP: refused, nothing changed, no 500, a security event."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from pgs_data.messaging.models import OutboxMessage
from pgs_data.sharding.slots import node_aliases
from pgs_task.journal.models import JournalEntry
from pgs_task.payment.models import GatewayNumber, Payment, Refund
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER
from pgs_task.payment.tests.making import assert_untouched, describe_notice, make_payment, signed

pytestmark = pytest.mark.django_db(databases="__all__")

NOTICES = "/api/v1/payments/notices/sandbox/"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (b + 1, b, b, b, b) for b in range(97, 117))
    + b"]><xml>&u;</xml>"
)
OUTSIDE_FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml>&f;</xml>'

Parts = tuple[bytes, dict[str, str]]


def sent(payment: Payment, **changes: Any) -> Parts:
    body = json.dumps(describe_notice(payment, **changes)).encode()
    return body, signed(body)


def with_header(name: str, value: str | None) -> Callable[[Payment], Parts]:
    def make(payment: Payment) -> Parts:
        body, headers = sent(payment)
        changed = {**headers, name: value} if value is not None else {k: v for k, v in headers.items() if k != name}
        return body, changed

    return make


def with_body(change: Callable[[bytes], bytes]) -> Callable[[Payment], Parts]:
    """Signed first, changed afterwards."""

    def make(payment: Payment) -> Parts:
        body, headers = sent(payment)
        return change(body), headers

    return make


def with_signed(change: Callable[[bytes], bytes]) -> Callable[[Payment], Parts]:
    """Changed first, then signed: the gateway itself has gone wrong."""

    def make(payment: Payment) -> Parts:
        body = change(sent(payment)[0])
        return body, signed(body)

    return make


def of_wrong_key(payment: Payment) -> Parts:
    body, headers = sent(payment)
    return body, {**headers, SIGNATURE_HEADER: "ab" * 32}


def of_long_ago(payment: Payment) -> Parts:
    body, _headers = sent(payment)
    return body, signed(body, timestamp="1700000000")


HOSTILE: dict[str, tuple[Callable[[Payment], Parts], str]] = {
    "unsigned": (with_header(SIGNATURE_HEADER, None), "bad_signature"),
    "signed by nobody": (with_header(SIGNATURE_HEADER, ""), "bad_signature"),
    "wrong key": (of_wrong_key, "bad_signature"),
    "another time than was signed": (with_header(TIMESTAMP_HEADER, "1700000000"), "bad_signature"),
    "one byte changed": (with_body(lambda body: body.replace(b"990", b"991")), "bad_signature"),
    "re-serialised": (
        with_body(lambda body: json.dumps(json.loads(body), separators=(",", ":")).encode()),
        "bad_signature",
    ),
    "a space more": (with_body(lambda body: body + b" "), "bad_signature"),
    "stale": (of_long_ago, "stale_notice"),
    "another app": (lambda payment: sent(payment, app_id="another"), "wrong_app"),
    "a fen less": (lambda payment: sent(payment, amount_fen=989), "wrong_amount"),
    "a fen more": (lambda payment: sent(payment, amount_fen=991), "wrong_amount"),
    "nothing": (lambda payment: sent(payment, amount_fen=0), "malformed_notice"),
    "minus": (lambda payment: sent(payment, amount_fen=-990), "malformed_notice"),
    "text": (lambda payment: sent(payment, amount_fen="1e2"), "malformed_notice"),
    "a number that isn't whole": (with_signed(lambda body: body.replace(b"990", b"9.9e2")), "malformed_notice"),
    "another currency": (lambda payment: sent(payment, currency="USD"), "wrong_amount"),
    "a name twice": (with_signed(lambda body: body[:-1] + b', "amount_fen": 990}'), "malformed_notice"),
    "an unknown payment": (lambda payment: sent(payment, payment_id=str(payment.pk + 1)), "unknown_payment"),
    "5 MB": (with_signed(lambda _body: b"x" * 5_000_000), "body_too_large"),
    "an XML bomb, unsigned": (with_body(lambda _body: BOMB), "bad_signature"),
    "an XML bomb, signed": (with_signed(lambda _body: BOMB), "malformed_notice"),
    "XML with a file": (with_signed(lambda _body: OUTSIDE_FILE), "malformed_notice"),
}


def money_rows() -> list[int]:
    """How many refunds, journal rows and messages there are, a node."""
    models = (Refund, JournalEntry, OutboxMessage)
    return [model.objects.on_node(alias).count() for alias in node_aliases() for model in models]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_notice_changes_nothing(kind: str, caplog: pytest.LogCaptureFixture):
    payment = make_payment()
    before = money_rows()
    make, code = HOSTILE[kind]
    body, headers = make(payment)
    response = Client().generic("POST", NOTICES, body, content_type="application/json", headers=headers)
    assert 400 <= response.status_code < 500
    assert response.json()["code"] == code
    assert_untouched(payment)
    assert money_rows() == before
    events = [record.getMessage() for record in caplog.records if record.name == "pgs.security"]
    assert [event for event in events if code in event], "a security event"
    assert not any(headers.get(SIGNATURE_HEADER) and headers[SIGNATURE_HEADER] in event for event in events)
    if code != "wrong_amount":
        assert not GatewayNumber.objects.exists()
    # None of it is in the true one's way.
    body, headers = sent(payment, notice_id="true", trade_no="true")
    assert Client().generic("POST", NOTICES, body, headers=headers).content == b"success"


@pytest.mark.parametrize("path", ["?paid=true", "?status=SUCCESS&trade_no=x"])
def test_a_return_url_and_a_clients_word_pay_nothing(path: str):
    payment = make_payment()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert Client().generic(method, f"/api/v1/payments/{payment.pk}/{path}").status_code in {401, 403, 405}
    assert Client().get(NOTICES + path).status_code == 405
    assert Client().post(NOTICES + path, {"paid": "true"}).status_code == 403
    assert_untouched(payment)
