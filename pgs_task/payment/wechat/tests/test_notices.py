"""A notice of WeChat is believed only if WeChat signed its bytes, for us, now, and it can be decrypted and read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgs_task.payment.errors import BadSignature, MalformedNotice, NoticeRefused, StaleNotice, WrongApp
from pgs_task.payment.gateways.contract import NoticeHint
from pgs_task.payment.states import NoticeStatus
from pgs_task.payment.wechat import notices
from pgs_task.payment.wechat.adapter import WeChatGateway
from pgs_task.payment.wechat.tests.making import (
    PAYMENT_ID,
    TRADE_NO,
    describe_refund,
    describe_transaction,
    encrypt,
    make_account,
    make_certificate,
    make_notice,
    signed,
)

GATEWAY = WeChatGateway(make_account(platform_certificates=make_certificate(owner="authority")))


def verify(body: bytes, headers: dict[str, str] | None = None) -> Any:
    return GATEWAY.verify_notice(headers=signed(body) if headers is None else headers, body=body)


def changed(**changes: Any) -> Any:
    """What is read of a notice with changed contents."""
    return verify(make_notice(describe_transaction(**changes)))


def test_what_wechat_signed_is_believed():
    notice = verify(make_notice())
    assert (notice.notice_id, notice.payment_id) == ("EV-2026112122001400000001", PAYMENT_ID)
    assert (notice.trade_no, notice.amount_fen, notice.currency) == (TRADE_NO, 990, "CNY")
    assert notice.status == NoticeStatus.SUCCESS
    assert abs((datetime.now(UTC) - notice.paid_at).total_seconds()) < 5
    # For people: the body itself says nothing without the key.
    assert json.loads(notice.text)["transaction_id"] == TRADE_NO


def test_what_a_platform_certificate_signed_is_believed_too():
    body = make_notice()
    assert verify(body, signed(body, owner="authority", serial="ABCDEF0123456789")).amount_fen == 990


@pytest.mark.parametrize("event", ["REFUND.SUCCESS", "REFUND.CLOSED", "REFUND.ABNORMAL"])
def test_a_refunds_notice_is_a_hint_to_ask(event):
    hint = verify(make_notice(describe_refund(), event_type=event))
    assert (type(hint), hint.payment_id, hint.refund_no) == (NoticeHint, PAYMENT_ID, f"R{PAYMENT_ID}")


# The signature


@settings(max_examples=200)
@given(place=st.integers(0), flip=st.integers(1, 255))
def test_one_changed_byte_is_refused(place, flip):
    body = bytearray(make_notice())
    headers = signed(bytes(body))
    body[place % len(body)] ^= flip
    with pytest.raises(BadSignature):
        verify(bytes(body), headers)


def test_the_same_written_differently_is_refused():
    body = make_notice()
    for other in (json.dumps(json.loads(body)).encode(), body + b"\n", b" " + body):
        with pytest.raises(BadSignature):
            verify(other, signed(body))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Wechatpay-Signature", value) for value in ("", "x", "é", "A" * 344, "A" * 100_000)),
        ("Wechatpay-Signature", "WECHATPAY/SIGNTEST/" + "A" * 324),
        *(
            ("Wechatpay-Serial", value)
            for value in ("", "0", "PUB_KEY_ID_2", "７７", "_7", "\x00", "0xABCDEF0123456789")
        ),
        *(("Wechatpay-Timestamp", value) for value in ("", "0", "1.5", "-1", "１７", "nan", "9" * 40, "1\n2")),
        *(("Wechatpay-Nonce", value) for value in ("", "a b", "a\nb", "x" * 65, "other")),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"),
    ],
)
def test_headers_that_do_not_fit_are_refused(name, value):
    body = make_notice()
    with pytest.raises(BadSignature):
        verify(body, {**signed(body), name: value})


def test_wechats_own_wrong_signature_is_refused():
    # It is a good one with words in front, which a base64 decoder that skips what it doesn't know might take.
    body = make_notice()
    headers = signed(body)
    with pytest.raises(BadSignature):
        verify(body, {**headers, "Wechatpay-Signature": f"WECHATPAY/SIGNTEST/{headers['Wechatpay-Signature']}"})


@pytest.mark.parametrize("name", ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"])
def test_an_unsigned_notice_is_refused_unread(monkeypatch, name):
    def explode(*_body: Any) -> Any:
        raise AssertionError("parsed")

    monkeypatch.setattr(notices, "read_json_object", explode)
    body = make_notice()
    headers = signed(body)
    del headers[name]
    with pytest.raises(BadSignature):
        verify(body, headers)


@pytest.mark.parametrize("owner", ["stranger", "shop", "authority"])
def test_another_key_is_not_wechats(owner):
    body = make_notice()
    with pytest.raises(BadSignature):
        verify(body, signed(body, owner=owner))


@pytest.mark.parametrize("off", [-301, 302, -86_400, 10**9])
def test_a_stale_or_future_notice_is_refused(off):
    body = make_notice()
    with pytest.raises(StaleNotice):
        verify(body, signed(body, off=off))


@pytest.mark.parametrize("off", [-295, 295])
def test_up_to_five_minutes_are_fine(off):
    body = make_notice()
    assert verify(body, signed(body, off=off))


@given(body=st.binary(max_size=200))
def test_strangers_are_refused_and_nothing_else(body):
    with pytest.raises(BadSignature):
        verify(body, {})


# What was encrypted


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": None},
        {"resource": "text"},
        {"resource": {}},
        {"resource_type": "plain"},
        {"resource": encrypt("{}", key="f" * 32)},
        {"resource": {**encrypt("{}"), "algorithm": "none"}},
        {"resource": {**encrypt("{}"), "nonce": "1"}},
        {"resource": {**encrypt("{}"), "nonce": "é" * 12}},
        {"resource": {**encrypt("{}"), "nonce": 7}},
        {"resource": {**encrypt("{}"), "ciphertext": ""}},
        {"resource": {**encrypt("{}"), "ciphertext": "A"}},
        {"resource": {**encrypt("{}"), "ciphertext": "AAAA"}},
        {"resource": {**encrypt("{}"), "associated_data": "refund"}},
        {"resource": {**encrypt("{}"), "associated_data": None}},
        {"event_type": "TRANSACTION.FAIL"},
        {"event_type": None},
        {"id": ""},
        {"id": "x" * 65},
        {"id": 7},
    ],
    ids=lambda changes: repr(changes)[:60],
)
def test_a_signed_envelope_that_cannot_be_read_is_refused(changes):
    with pytest.raises(MalformedNotice):
        verify(make_notice(**changes))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"[" * 60_000,
        b'{"id":"1","id":"2"}',
        b'{"amount": NaN}',
        b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><xml>&c;</xml>',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_signed_body_that_is_no_notice_is_refused(body):
    with pytest.raises(NoticeRefused):
        verify(body)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", "[" * 20_000, '{"mchid":NaN}', "\ud800".encode(errors="replace").decode()]
)
def test_encrypted_rubbish_is_refused(text):
    with pytest.raises(MalformedNotice):
        verify(make_notice(resource=encrypt(text)))


def test_a_doubled_name_inside_is_refused():
    text = json.dumps(describe_transaction())
    with pytest.raises(MalformedNotice):
        verify(make_notice(f'{text[:-1]}, "amount": {{"total": 1, "currency": "CNY"}}}}'))


@pytest.mark.parametrize("changes", [{"mchid": "1900000002"}, {"mchid": None}, {"appid": "wx2"}, {"appid": None}])
def test_a_notice_for_another_shop_is_refused(changes):
    with pytest.raises(WrongApp):
        changed(**changes)


def test_a_refund_of_another_shop_is_refused():
    with pytest.raises(WrongApp):
        verify(make_notice(describe_refund(mchid="1900000002"), event_type="REFUND.SUCCESS"))


def amount(**changes: Any) -> dict[str, Any]:
    return {"amount": {"total": 990, "currency": "CNY"} | changes}


@pytest.mark.parametrize(
    "changes",
    [
        *(amount(total=value) for value in (0, -990, "990", "1e2", 9.9, 990.0, True, None, [990], 2**63, "９９０")),
        amount(currency=None),
        amount(currency=156),
        {"amount": None},
        {"amount": 990},
        {"trade_state": "NOTPAY"},
        {"trade_state": None},
        {"success_time": None},
        {"success_time": "2026-11-11 00:00:00"},
        {"out_trade_no": 1},
        {"out_trade_no": "01"},
        {"out_trade_no": "１"},
        {"out_trade_no": str(2**63)},
        {"transaction_id": None},
        {"transaction_id": "a b"},
        {"transaction_id": "x" * 65},
    ],
    ids=repr,
)
def test_a_malformed_transaction_is_refused(changes):
    with pytest.raises(MalformedNotice):
        changed(**changes)


@pytest.mark.parametrize("changes", [{"out_refund_no": None}, {"out_refund_no": "a b"}, {"out_trade_no": "x"}])
def test_a_malformed_refund_is_refused(changes):
    with pytest.raises(MalformedNotice):
        verify(make_notice(describe_refund(**changes), event_type="REFUND.SUCCESS"))


def test_another_currency_is_told():
    assert changed(**amount(currency="USD")).currency == "USD"


@settings(max_examples=100)
@given(
    changes=st.dictionaries(
        st.sampled_from(sorted(describe_transaction())),
        st.none() | st.booleans() | st.integers() | st.text("019.-e£", max_size=9) | st.just({"total": 1}),
        max_size=3,
    )
)
def test_whatever_is_signed_is_read_or_refused(changes):
    try:
        notice = changed(**changes)
    except NoticeRefused:
        return
    assert type(notice.amount_fen) is int
    assert notice.amount_fen > 0
