"""A notice of Alipay is believed only if Alipay signed it, for us, lately, and it can be read."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgs_task.payment.alipay.adapter import AlipayGateway
from pgs_task.payment.alipay.tests.making import (
    PAYMENT_ID,
    TRADE_NO,
    describe_notice,
    make_account,
    make_notice,
    sign_fields,
)
from pgs_task.payment.errors import BadSignature, MalformedNotice, NoticeRefused, StaleNotice, WrongApp
from pgs_task.payment.gateways.contract import NoticeHint
from pgs_task.payment.gateways.moments import write_shanghai
from pgs_task.payment.states import NoticeStatus

GATEWAY = AlipayGateway(make_account())


def verify(body: bytes) -> Any:
    return GATEWAY.verify_notice(headers={}, body=body)


def test_what_alipay_signed_is_believed():
    notice = verify(make_notice())
    assert (notice.notice_id, notice.payment_id) == ("2026112100222180000000000001", PAYMENT_ID)
    assert (notice.trade_no, notice.amount_fen, notice.currency) == (TRADE_NO, 990, "CNY")
    assert notice.status == NoticeStatus.SUCCESS
    assert abs((datetime.now(UTC) - notice.paid_at).total_seconds()) < 5


@pytest.mark.parametrize(
    ("trade_status", "status"),
    [("TRADE_FINISHED", NoticeStatus.SUCCESS), ("TRADE_CLOSED", NoticeStatus.CLOSED)],
)
def test_what_the_trades_states_mean(trade_status, status):
    assert verify(make_notice(trade_status=trade_status)).status == status


def test_a_trade_that_waits_is_a_hint_of_nothing():
    hint = verify(make_notice(trade_status="WAIT_BUYER_PAY", gmt_payment=None))
    assert (type(hint), hint.payment_id, hint.refund_no) == (NoticeHint, PAYMENT_ID, "")


def test_the_same_fields_in_another_order_are_the_same_notice():
    # Signed are the sorted fields and not the bytes: such a copy is a repetition, and does what a repetition does.
    fields = sign_fields(describe_notice())
    shuffled = list(fields.items())
    random.Random(7).shuffle(shuffled)
    lower = "&".join(f"{name}={quote_plus(value)}" for name, value in shuffled)
    assert verify(lower.encode()) == verify(urlencode(fields).encode())


# The signature


@given(place=st.integers(0), flip=st.integers(1, 127))
def test_one_changed_byte_is_refused_or_says_the_same(place, flip):
    body = bytearray(make_notice())
    body[place % len(body)] ^= flip
    try:
        notice = verify(bytes(body))
    except NoticeRefused:
        return
    # A byte of the base64's end that says nothing, or %2c for %2C.
    assert (notice.payment_id, notice.amount_fen, notice.trade_no) == (PAYMENT_ID, 990, TRADE_NO)


@pytest.mark.parametrize("name", sorted(describe_notice()))
def test_every_field_is_signed(name):
    fields = sign_fields(describe_notice())
    for changed in ({**fields, name: f"{fields[name]}1"}, {key: value for key, value in fields.items() if key != name}):
        with pytest.raises(BadSignature):
            verify(urlencode(changed).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"sign": ""},
        {"sign": "x"},
        {"sign": "é"},
        {"sign": "A" * 344},
        {"sign_type": "RSA"},
        {"sign_type": ""},
        {"sign_type": "rsa2"},
        {"extra": "1"},
    ],
    ids=repr,
)
def test_without_its_signature_nothing_is_alipays(changes):
    with pytest.raises(BadSignature):
        verify(urlencode({**sign_fields(describe_notice()), **changes}).encode())


@pytest.mark.parametrize("name", ["sign", "sign_type"])
def test_an_unsigned_notice_is_refused(name):
    fields = sign_fields(describe_notice())
    del fields[name]
    with pytest.raises(BadSignature):
        verify(urlencode(fields).encode())


@pytest.mark.parametrize("owner", ["stranger", "shop"])
def test_another_key_is_not_alipays(owner):
    with pytest.raises(BadSignature):
        verify(make_notice(owner=owner))


def test_fields_cannot_be_cut_differently():
    """One signed text, two ways to read it: by the SDK alone, the second is Alipay's word too."""
    fields = sign_fields(describe_notice(passback_params="x"))
    merged = {**fields, "notify_type": f"trade_status_sync&out_trade_no={fields['out_trade_no']}&passback_params=x"}
    del merged["out_trade_no"], merged["passback_params"]
    signature = merged.pop("sign")
    assert GATEWAY._client.is_signed(merged, signature)
    with pytest.raises(MalformedNotice):
        verify(urlencode({**merged, "sign": signature}).encode())


@pytest.mark.parametrize("text", ["a&b", "a=b", "满10&减1=9", "&=", "a&B=c", "a+b%3D&c"])
def test_what_cannot_be_cut_differently_is_read(text):
    assert verify(make_notice(voucher_detail_list=text)).amount_fen == 990


def test_a_doubled_field_is_refused():
    body = make_notice()
    for extra in (b"&total_amount=0.01", b"&total_amount=9.90", b"&sign=x"):
        with pytest.raises(MalformedNotice):
            verify(body + extra)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"&",
        b"=",
        b"sign",
        b"a=%ff&sign=x",
        "总=1".encode(),
        b"\xff",
        b"\x00",
        b"&".join(b"a%d=1" % number for number in range(100)),
        b'{"sign":"x"}',
        b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><xml>&c;</xml>',
        b"a=" + b"%41" * 20_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_notice_is_refused(body):
    with pytest.raises(NoticeRefused):
        verify(body)


@given(body=st.binary(max_size=300))
def test_strangers_are_refused_and_nothing_else(body):
    with pytest.raises(NoticeRefused):
        verify(body)


# Its receiver and its age


@pytest.mark.parametrize(
    "changes",
    [{"app_id": "2021000000000002"}, {"app_id": None}, {"seller_id": "2088000000000009"}, {"seller_id": None}],
)
def test_a_notice_for_another_shop_is_refused(changes):
    with pytest.raises(WrongApp):
        verify(make_notice(**changes))


@pytest.mark.parametrize("hours", [25.1, 48, -0.1, -24])
def test_a_stale_or_future_notice_is_refused(hours):
    with pytest.raises(StaleNotice):
        verify(make_notice(notify_time=write_shanghai(datetime.now(UTC) - timedelta(hours=hours))))


@pytest.mark.parametrize("hours", [24.4, 0, -0.08])
def test_as_long_as_alipay_repeats_it_is_fresh(hours):
    assert verify(make_notice(notify_time=write_shanghai(datetime.now(UTC) - timedelta(hours=hours))))


@pytest.mark.parametrize(
    "text", [None, "", "now", "2026-02-30 00:00:00", "0001-01-01 00:00:00", "２０２６-11-11 00:00:00"]
)
def test_without_a_moment_it_is_stale(text):
    with pytest.raises(StaleNotice):
        verify(make_notice(notify_time=text))


# Its form


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"total_amount": text}
            for text in ("0.00", "-9.90", "9.9", "990", "1e2", "1,000.00", "９.９０", "+9.90", " 9.90")
        ),
        *({"total_amount": text} for text in (None, "", "NaN", "09.90", "9.900", "9.90\n", "9" * 4_000 + ".00")),
        {"out_trade_no": "1 "},
        {"out_trade_no": "01"},
        {"out_trade_no": "１"},
        {"out_trade_no": str(2**63)},
        {"out_trade_no": None},
        {"trade_no": ""},
        {"trade_no": "x" * 65},
        {"trade_no": "a b"},
        {"trade_no": None},
        {"notify_id": "号"},
        {"notify_id": None},
        {"trade_status": "PAID"},
        {"trade_status": None},
        {"notify_type": "other"},
        {"gmt_payment": None},
        {"gmt_payment": "2026-13-01 00:00:00"},
        {"passback_params": "a&b=c"},
        {"Upper": "1"},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_a_malformed_notice_is_refused(changes):
    with pytest.raises(MalformedNotice):
        verify(make_notice(**changes))


def test_another_currency_is_told():
    assert verify(make_notice(trans_currency="USD")).currency == "USD"


@settings(max_examples=100)
@given(
    changes=st.dictionaries(
        st.sampled_from(sorted(describe_notice())),
        st.text("0123456789.-,eE&=%é\n", max_size=20) | st.none(),
        max_size=3,
    )
)
def test_whatever_is_signed_is_read_or_refused(changes):
    try:
        notice = verify(make_notice(**changes))
    except NoticeRefused:
        return
    assert type(notice) is NoticeHint or (type(notice.amount_fen) is int and notice.amount_fen > 0)
