"""A notice changes something only if it is the gateway's, fits the payment, and wasn't applied before."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from pgs_data.sharding.slots import alias_of_id
from pgs_data.sharding.transactions import node_transaction
from pgs_task.payment.errors import (
    BadSignature,
    MalformedNotice,
    NoticeRefused,
    NumberTaken,
    StaleNotice,
    UnknownPayment,
    WrongAmount,
    WrongApp,
)
from pgs_task.payment.models import GatewayNumber, Notice, Payment
from pgs_task.payment.sandbox_gateway.adapter import SandboxGateway
from pgs_task.payment.sandbox_gateway.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signature_of, sign_notice
from pgs_task.payment.services import receive_notice, request_refund
from pgs_task.payment.services.moves import lock_order
from pgs_task.payment.states import NoticeOutcome, PaymentState
from pgs_task.payment.tests.making import (
    describe_notice,
    fresh,
    make_payment,
    notices_of,
    now_of,
    order_of,
    pay,
    refunds_of,
    send,
    signed,
    start,
    topics_of,
)
from pgs_web.api.errors import NotFound
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.services import cancel_order
from pgs_web.trade.order.states import CancelReason, OrderState
from pgs_web.trade.order.tests.making import MEMBERS_ON_THREE_NODES

EVERYWHERE = pytest.mark.django_db(databases="__all__")
WITH_THREADS = pytest.mark.django_db(databases="__all__", transaction=True)


def assert_untouched(payment: Payment) -> None:
    now = fresh(payment)
    assert (now.state, now.trade_no, now.paid_at, now.refunded_fen) == (PaymentState.WAITING, None, None, 0)
    assert order_of(payment).state == OrderState.UNPAID
    assert topics_of(payment) == []


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


@settings(max_examples=150, deadline=None)
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


# What it does


@EVERYWHERE
@pytest.mark.parametrize("member_id", MEMBERS_ON_THREE_NODES)
def test_a_success_pays_the_order(member_id):
    payment = make_payment(member_id=member_id)
    assert send(describe_notice(payment)) == b"success"
    paid = fresh(payment)
    assert (paid.state, paid.trade_no) == (PaymentState.SUCCEEDED, f"t-{payment.pk}")
    assert (paid.open_order_id, paid.paid_order_id) == (None, payment.order_id)
    order = order_of(payment)
    assert (order.state, order.paid_at) == (OrderState.TO_SHIP, paid.paid_at)
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    (notice,) = notices_of(payment)
    assert (notice.outcome, notice.amount_fen) == (NoticeOutcome.PAID, payment.amount_fen)


@EVERYWHERE
@pytest.mark.parametrize("hours", [-48, 48])
def test_the_gateways_clock_cannot_leave_the_bounds_of_ours(hours):
    payment = make_payment()
    send(describe_notice(payment, paid_at=(datetime.now(tz=UTC) + timedelta(hours=hours)).isoformat()))
    paid = fresh(payment)
    assert payment.created_at <= paid.paid_at <= now_of(payment)


@EVERYWHERE
def test_the_same_notice_again_is_answered_success_and_does_nothing():
    payment = make_payment()
    notice = describe_notice(payment)
    assert [send(notice) for _ in range(3)] == [b"success"] * 3
    assert len(notices_of(payment)) == 1
    assert topics_of(payment) == ["order.paid", "order.to_ship"]


@EVERYWHERE
def test_spelling_does_not_make_another_notice():
    payment = make_payment()
    notice = describe_notice(payment)
    send(notice)
    assert send(json.dumps(dict(reversed(notice.items())), indent=2).encode()) == b"success"
    assert send(describe_notice(payment)) == b"success"  # with another moment
    assert len(notices_of(payment)) == 1


@EVERYWHERE
def test_the_same_trade_under_a_new_notice_number_is_a_duplicate():
    payment = make_payment()
    send(describe_notice(payment))
    assert send(describe_notice(payment, notice_id="other")) == b"success"
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.DUPLICATE]
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert refunds_of(payment) == []


@EVERYWHERE
@pytest.mark.parametrize("changes", [{"status": "FAIL"}, {"trade_no": "t-x"}, {"amount_fen": 1}])
def test_the_same_notice_number_with_other_content_is_refused(changes):
    payment = make_payment()
    notice = describe_notice(payment)
    send(notice)
    with pytest.raises(NumberTaken):
        send(notice | changes)
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert len(notices_of(payment)) == 1


@EVERYWHERE
@pytest.mark.parametrize("others_member", MEMBERS_ON_THREE_NODES)
def test_one_notice_number_serves_one_payment_over_all_nodes(others_member):
    payment, other = make_payment(), make_payment(member_id=others_member)
    send(describe_notice(payment, notice_id="same"))
    with pytest.raises(NumberTaken):
        send(describe_notice(other, notice_id="same"))
    assert_untouched(other)


@EVERYWHERE
@pytest.mark.parametrize("others_member", MEMBERS_ON_THREE_NODES)
def test_one_trade_number_pays_one_payment_over_all_nodes(others_member):
    payment, other = make_payment(), make_payment(member_id=others_member)
    send(describe_notice(payment, trade_no="same"))
    with pytest.raises(NumberTaken):
        send(describe_notice(other, trade_no="same"))
    assert_untouched(other)


@EVERYWHERE
def test_a_second_trade_of_a_paid_payment_is_an_anomaly():
    payment = make_payment()
    send(describe_notice(payment))
    with pytest.raises(NumberTaken):
        send(describe_notice(payment, notice_id="second", trade_no="second"))
    assert [notice.outcome for notice in notices_of(payment)] == [NoticeOutcome.PAID, NoticeOutcome.SECOND_TRADE]
    assert fresh(payment).trade_no == f"t-{payment.pk}"


@EVERYWHERE
def test_a_failed_attempt_leaves_the_payment_open():
    payment = make_payment()
    assert send(describe_notice(payment, status="FAIL", paid_at=None)) == b"success"
    assert_untouched(payment)
    assert start(order_of(payment)).pk == payment.pk
    send(describe_notice(payment, notice_id="then"))
    assert fresh(payment).state == PaymentState.SUCCEEDED


@EVERYWHERE
def test_a_closed_trade_closes_the_payment_and_a_new_one_can_be_opened():
    payment = make_payment()
    assert send(describe_notice(payment, status="CLOSED", paid_at=None)) == b"success"
    assert fresh(payment).state == PaymentState.CLOSED
    second = start(order_of(payment))
    assert second.pk != payment.pk
    assert pay(second).state == PaymentState.SUCCEEDED


@EVERYWHERE
@pytest.mark.parametrize("status", ["FAIL", "CLOSED"])
def test_bad_news_about_a_paid_payment_changes_nothing(status):
    payment = make_payment()
    send(describe_notice(payment))
    assert send(describe_notice(payment, notice_id="after", status=status, paid_at=None)) == b"success"
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert notices_of(payment)[-1].outcome == NoticeOutcome.IGNORED


# Too late


def assert_goes_back(payment: Payment) -> None:
    late = fresh(payment)
    assert (late.state, late.paid_order_id, late.refunded_fen) == (PaymentState.LATE, None, late.amount_fen)
    (refund,) = refunds_of(payment)
    assert (refund.amount_fen, refund.reason, refund.state) == (payment.amount_fen, "late_payment", "WAITING")


@EVERYWHERE
def test_a_success_on_a_cancelled_order_is_late_and_goes_back():
    payment = make_payment()
    cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
    assert send(describe_notice(payment)) == b"success"
    assert_goes_back(payment)
    assert order_of(payment).state == OrderState.CANCELLED
    assert topics_of(payment) == ["order.cancelled"]


@EVERYWHERE
def test_a_success_after_closing_is_late_and_goes_back():
    payment = make_payment()
    send(describe_notice(payment, status="CLOSED", paid_at=None, notice_id="closed"))
    send(describe_notice(payment))
    assert_goes_back(payment)
    assert order_of(payment).state == OrderState.UNPAID


@EVERYWHERE
def test_the_second_paid_payment_of_an_order_goes_back():
    first = make_payment()
    send(describe_notice(first, status="CLOSED", paid_at=None, notice_id="closed"))
    second = start(order_of(first))
    pay(second)
    send(describe_notice(first))
    assert_goes_back(first)
    assert fresh(second).state == PaymentState.SUCCEEDED
    assert refunds_of(second) == []


@EVERYWHERE
def test_a_payment_past_its_pay_by_time_counts_while_the_order_is_unpaid():
    payment = make_payment(pay_within=timedelta(minutes=1))
    Order.objects.filter(pk=payment.order_id).update(pay_by=now_of(payment) - timedelta(seconds=1))
    send(describe_notice(payment))
    assert order_of(payment).state == OrderState.TO_SHIP


@EVERYWHERE
def test_a_late_payment_and_a_refund_wish_make_one_refund():
    payment = make_payment()
    pay(payment)
    for reason in ("by_member", "group_failed", "by_operator"):
        request_refund(order_id=payment.order_id, reason=reason)
    (refund,) = refunds_of(payment)
    assert refund.reason == "by_member"
    assert fresh(payment).refunded_fen == payment.amount_fen


# All at once


def at_once(count: int, act: Any) -> list[Any]:
    """The results, or exceptions, of act(0) … act(count - 1), started together in threads."""
    gate = threading.Barrier(count)

    def run(place: int) -> Any:
        try:
            gate.wait(timeout=30)
            return act(place)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


@WITH_THREADS
def test_a_hundred_copies_at_once_have_one_effect():
    payment = make_payment()
    notice = describe_notice(payment)
    assert at_once(100, lambda _place: send(notice)) == [b"success"] * 100
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert len(notices_of(payment)) == 1
    assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert Order.objects.get(pk=payment.order_id).log_count == 3


@WITH_THREADS
def test_twenty_notices_of_one_trade_at_once_have_one_effect():
    payment = make_payment()
    results = at_once(20, lambda place: send(describe_notice(payment, notice_id=f"n{place}")))
    assert results == [b"success"] * 20
    outcomes = [notice.outcome for notice in notices_of(payment)]
    assert sorted(outcomes) == [NoticeOutcome.DUPLICATE] * 19 + [NoticeOutcome.PAID]
    assert topics_of(payment) == ["order.paid", "order.to_ship"]


@WITH_THREADS
def test_one_trade_number_for_payments_of_all_nodes_at_once_pays_one():
    payments = [make_payment(member_id=member_id) for member_id in MEMBERS_ON_THREE_NODES]
    results = at_once(3, lambda place: send(describe_notice(payments[place], trade_no="same")))
    assert sum(result == b"success" for result in results) == 1
    assert sum(isinstance(result, NumberTaken) for result in results) == 2
    assert [fresh(payment).state for payment in payments].count(PaymentState.SUCCEEDED) == 1


@WITH_THREADS
@pytest.mark.slow
def test_notice_against_cancellation_has_one_winner():
    seen = set()
    # The loser of a round starts 10 ms earlier in the next: however fast the machine is, the rounds become close.
    heads_start = 0.0
    for _ in range(30):
        payment = make_payment()

        def act(place: int, payment: Payment = payment, heads_start: float = heads_start) -> Any:
            time.sleep(max(0.0, -heads_start if place == 0 else heads_start))
            if place == 0:
                return send(describe_notice(payment))
            return cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")

        results = at_once(2, act)
        assert results[0] == b"success"
        order, now = order_of(payment), fresh(payment)
        seen.add(order.state)
        heads_start += 0.01 if order.state == OrderState.CANCELLED else -0.01
        if order.state == OrderState.CANCELLED:
            assert_goes_back(payment)
            assert topics_of(payment) == ["order.cancelled"]
        else:
            assert (order.state, now.state, refunds_of(payment)) == (OrderState.TO_SHIP, PaymentState.SUCCEEDED, [])
            assert topics_of(payment) == ["order.paid", "order.to_ship"]
    assert seen == {OrderState.CANCELLED, OrderState.TO_SHIP}


@WITH_THREADS
def test_who_decides_about_an_orders_money_keeps_the_others_waiting():
    payment = make_payment()

    def cancel() -> None:
        cancel_order(order_id=payment.order_id, reason=CancelReason.UNPAID, actor="test")
        connections.close_all()

    other = threading.Thread(target=cancel)
    with node_transaction(payment.order_id):
        order = lock_order(order_id=payment.order_id)
        other.start()
        other.join(timeout=0.5)
        assert other.is_alive()
        assert Order.objects.get(pk=payment.order_id).state == order.state == OrderState.UNPAID
    other.join(timeout=10)
    assert order_of(payment).state == OrderState.CANCELLED


@EVERYWHERE
def test_a_crash_before_the_commit_leaves_nothing_but_the_numbers(monkeypatch):
    payment = make_payment()
    notice = describe_notice(payment)

    class PowerCut(BaseException):
        pass

    def cut(**_facts: Any) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr("pgs_task.payment.services.results._store", lambda *_args, **_facts: cut())
        with pytest.raises(PowerCut):
            send(notice)
    assert_untouched(payment)
    assert send(notice) == b"success"
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert Notice.objects.on_node(alias_of_id(payment.pk)).filter(payment_id=payment.pk).count() == 1
