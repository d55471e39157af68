"""A notice is believed only if it is the gateway's, fresh, well-formed, and fits the payment."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgs_task.payment.errors import (
    BadSignature,
    MalformedNotice,
    NoticeRefused,
    StaleNotice,
    UnknownPayment,
    WrongAmount,
    WrongApp,
)
from pgs_task.payment.models import GatewayNumber, Payment
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signature_of, sign_notice
from pgs_task.payment.services import receive_notice
from pgs_task.payment.states import NoticeOutcome, PaymentState
from pgs_task.payment.tests.making import (
    assert_untouched,
    describe_notice,
    fresh,
    make_payment,
    notices_of,
    send,
    signed,
)
from pgs_web.api.errors import NotFound

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


# The signature


@given(body=st.binary(max_size=500), timestamp=st.text(max_size=20))
def test_what_the_gateway_signed_is_its_own(body, timestamp):
    assert is_signature_of(sign_notice(timestamp=timestamp, body=body), timestamp=timestamp, body=body)


@given(body=st.binary(min_size=1, max_size=200), place=st.integers(0), flip=st.integers(1, 255))
def test_one_changed_byte_breaks_the_signature(body, place, flip):
    signature = sign_notice(timestamp="1", body=body)
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    assert not is_signature_of(signature, timestamp="1", body=bytes(changed))


@given(body=st.binary(max_size=50), text=st.text(max_size=80), timestamp=st.text(max_size=20))
def test_another_text_is_no_signature(body, text, timestamp):
    if text != sign_notice(timestamp=timestamp, body=body):
        assert not is_signature_of(text, timestamp=timestamp, body=body)


@given(first=st.binary(max_size=20), second=st.binary(max_size=20))
def test_the_border_between_timestamp_and_body_is_signed(first, second):
    # "1" + "\n" + "2…" must not be exchangeable with "12" + "\n" + "…".
    signature = sign_notice(timestamp="17", body=first + second)
    assert not is_signature_of(signature, timestamp="1", body=b"7" + first + second)


@given(headers=st.dictionaries(st.sampled_from([TIMESTAMP_HEADER, SIGNATURE_HEADER]), st.text()), body=st.binary())
def test_strangers_are_refused_and_nothing_else(headers, body):
    with pytest.raises(BadSignature):
        SandboxGateway().verify_notice(headers=headers, body=body)


def test_without_a_secret_nobody_is_the_gateway(settings):
    settings.SANDBOX_GATEWAY_SECRET = ""
    body = b"{}"
    with pytest.raises(BadSignature):
        SandboxGateway().verify_notice(headers=signed(body), body=body)


def test_an_unsigned_body_is_never_parsed(monkeypatch):
    def explode(_body: bytes) -> Any:
        raise AssertionError("parsed")

    monkeypatch.setattr("pgs_task.payment.sandbox_gateway.adapter.read_json_object", explode)
    with pytest.raises(BadSignature):
        SandboxGateway().verify_notice(headers={**signed(b"{}"), SIGNATURE_HEADER: "0" * 64}, body=b"{}")


# Its age


@EVERYWHERE
@pytest.mark.parametrize("off", [-301, 301, -86_400, 10**9])
def test_a_stale_or_future_notice_is_refused(off):
    payment = make_payment()
    body = json.dumps(describe_notice(payment)).encode()
    with pytest.raises(StaleNotice):
        receive_notice(gateway_code="sandbox", headers=signed(body, timestamp=str(int(time.time()) + off)), body=body)
    assert_untouched(payment)


@EVERYWHERE
@pytest.mark.parametrize("off", [-295, 295])
def test_up_to_five_minutes_are_fine(off):
    payment = make_payment()
    body = json.dumps(describe_notice(payment)).encode()
    headers = signed(body, timestamp=str(int(time.time()) + off))
    assert receive_notice(gateway_code="sandbox", headers=headers, body=body).body == b"success"


@pytest.mark.parametrize("timestamp", ["", " ", "1.5", "-1", "１７００００００００", "nan", "9" * 40, "0x1", "1e9"])
def test_a_timestamp_is_plain_digits(timestamp):
    with pytest.raises(StaleNotice):
        SandboxGateway().verify_notice(headers=signed(b"{}", timestamp=timestamp), body=b"{}")


# Its form


@EVERYWHERE
@pytest.mark.parametrize(
    "changes",
    [
        {"amount_fen": True},
        {"amount_fen": 990.0},
        {"amount_fen": "990"},
        {"amount_fen": None},
        {"amount_fen": 0},
        {"amount_fen": -990},
        {"amount_fen": 2**63},
        {"amount_fen": [990]},
        {"payment_id": 1},
        {"payment_id": "01"},
        {"payment_id": "1 "},
        {"payment_id": "１"},
        {"payment_id": str(2**63)},
        {"payment_id": None},
        {"payment_id": ["1"]},
        {"notice_id": ""},
        {"notice_id": "x" * 65},
        {"notice_id": "a b"},
        {"notice_id": "a\r\nb"},
        {"notice_id": "\u0000"},
        {"notice_id": 7},
        {"trade_no": "号"},
        {"trade_no": None},
        {"trade_no": {}},
        {"currency": 156},
        {"status": "success"},
        {"status": "PAID"},
        {"status": None},
        {"status": ["SUCCESS"]},
        {"paid_at": None},
        {"paid_at": "yesterday"},
        {"paid_at": "2026-11-11T00:00:00"},
        {"paid_at": "0001-01-01T00:00:00+14:00"},
        {"paid_at": 1_700_000_000},
    ],
    ids=repr,
)
def test_a_malformed_notice_is_refused(changes):
    payment = make_payment()
    with pytest.raises(MalformedNotice):
        send(describe_notice(payment, **changes))
    assert_untouched(payment)
    assert notices_of(payment) == []


@EVERYWHERE
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"amount_fen": NaN}',
        b'{"amount_fen": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_signed_body_that_is_no_notice_is_refused(body):
    with pytest.raises(NoticeRefused):
        send(body)


@EVERYWHERE
def test_a_doubled_name_is_refused():
    payment = make_payment()
    text = json.dumps(describe_notice(payment, amount_fen=1))
    with pytest.raises(MalformedNotice):
        send(f'{text[:-1]}, "amount_fen": {payment.amount_fen}}}'.encode())
    assert_untouched(payment)


@settings(max_examples=150)
@given(
    document=st.dictionaries(
        st.sampled_from(
            ["app_id", "notice_id", "payment_id", "trade_no", "amount_fen", "currency", "status", "paid_at"]
        ),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=70)
        | st.sampled_from(["pgs-sandbox", "SUCCESS", "FAIL", "CNY", "1", "2026-11-11T00:00:00Z"])
        | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_is_signed_is_read_or_refused(document):
    body = json.dumps(document).encode()
    try:
        notice = SandboxGateway().verify_notice(headers=signed(body), body=body)
    except NoticeRefused:
        return
    assert type(notice.amount_fen) is int
    assert notice.amount_fen > 0


# Whether it fits


@EVERYWHERE
@pytest.mark.parametrize("app_id", ["another-shop", "", None, 1, ["pgs-sandbox"]])
def test_a_notice_for_another_shop_is_refused(app_id):
    payment = make_payment()
    with pytest.raises(WrongApp):
        send(describe_notice(payment, app_id=app_id))
    assert_untouched(payment)


@EVERYWHERE
def test_a_payment_that_does_not_exist_is_refused():
    payment = make_payment()
    with pytest.raises(UnknownPayment):
        send(describe_notice(payment, payment_id=str(payment.pk + 1)))
    assert not GatewayNumber.objects.exists()


@EVERYWHERE
def test_a_gateway_cannot_speak_for_payments_of_another():
    payment = make_payment()
    Payment.objects.filter(pk=payment.pk).update(gateway="other")
    with pytest.raises(UnknownPayment):
        send(describe_notice(payment))
    assert_untouched(payment)


@EVERYWHERE
@pytest.mark.parametrize(
    "changes", [{"amount_fen": 989}, {"amount_fen": 991}, {"currency": "USD"}, {"currency": "cny"}]
)
def test_a_wrong_amount_or_currency_never_pays_and_is_kept(changes):
    payment = make_payment()
    for _ in range(2):
        with pytest.raises(WrongAmount):
            send(describe_notice(payment, paid_at="2026-11-11T00:00:00Z", **changes))
    assert_untouched(payment)
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.WRONG_AMOUNT]
    # The right one is not in its way.
    send(describe_notice(payment, notice_id="right"))
    assert fresh(payment).state == PaymentState.SUCCEEDED


@EVERYWHERE
def test_an_unknown_gateway_is_not_found():
    with pytest.raises(NotFound):
        receive_notice(gateway_code="nobody", headers={}, body=b"")


@EVERYWHERE
def test_refusals_are_security_events_without_secrets(caplog):
    payment = make_payment()
    body = json.dumps(describe_notice(payment, amount_fen=1)).encode()
    headers = signed(body)
    with pytest.raises(WrongAmount):
        receive_notice(gateway_code="sandbox", headers=headers, body=body, client="127.0.0.9")
    with pytest.raises(BadSignature):
        receive_notice(gateway_code="sandbox", headers={**headers, SIGNATURE_HEADER: "f" * 64}, body=b"secret text")
    events = [record.getMessage() for record in caplog.records if record.name == "pgs.security"]
    assert len(events) == 2
    assert "wrong_amount" in events[0]
    assert str(payment.pk) in events[0]
    assert "bad_signature" in events[1]
    for event in events:
        assert headers[SIGNATURE_HEADER] not in event
        assert "secret text" not in event
