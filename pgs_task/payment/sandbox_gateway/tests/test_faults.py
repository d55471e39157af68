"""The sandbox gateway on a bad day: faults by chance, notices that come late, twice, in another order, or forged."""

import json
from datetime import timedelta

import httpx
import pytest
from django.core.management import CommandError, call_command

from pgs_data.clock import DatabaseNow
from pgs_task.payment.gateways.contract import GatewayUnavailable, RefundAnswerState, RefundRequest, TradeState
from pgs_task.payment.gateways.registry import make_gateway
from pgs_task.payment.sandbox_gateway import faults, notices, queue, sending
from pgs_task.payment.sandbox_gateway.faults import forget_faults, is_fault_due, read_fault_rates, set_fault_rates
from pgs_task.payment.sandbox_gateway.models import FaultKind, SandboxFault, SandboxNotice, SandboxTrade
from pgs_task.payment.sandbox_gateway.notices import ShopAnswer, tell_shop
from pgs_task.payment.sandbox_gateway.sending import send_due_notices
from pgs_task.payment.sandbox_gateway.services import take_money
from pgs_task.payment.services.notices import receive_notice
from pgs_task.payment.states import NoticeStatus, PaymentState
from pgs_task.payment.tests.making import fresh, make_payment, notices_of, order_of, start, take_at_gateway
from pgs_web.api.errors import Unavailable

pytestmark = pytest.mark.django_db(databases="__all__")
ALWAYS = 1000


@pytest.fixture(autouse=True)
def _sober():
    forget_faults()
    yield
    forget_faults()


@pytest.fixture
def shop(monkeypatch):
    """The shop behind the wire: what the bank posts is answered by the real service. Returns what it heard."""
    heard: list[tuple[dict[str, object], int]] = []

    def post(url: str, *, content: bytes, headers: dict[str, str]) -> httpx.Response:
        try:
            reply = receive_notice(gateway_code="sandbox", headers=headers, body=content)
            answer = httpx.Response(reply.status, content=reply.body)
        except Exception as refusal:
            answer = httpx.Response(getattr(refusal, "status", 500))
        heard.append((json.loads(content), answer.status_code))
        return answer

    client = httpx.Client()
    monkeypatch.setattr(client, "post", post)
    monkeypatch.setattr(notices, "_client", lambda: client)
    monkeypatch.setattr(notices, "PAUSES_SECONDS", (0.0,))
    return heard


def always(*kinds: FaultKind) -> None:
    set_fault_rates(dict.fromkeys(kinds, ALWAYS))


def pay_at_bank(payment, status: NoticeStatus = NoticeStatus.SUCCESS) -> ShopAnswer:
    trade = take_money(payment_id=payment.pk)
    return tell_shop(trade=trade, status=status, base_url="http://127.0.0.1:1")


def let_notices_be_due() -> None:
    SandboxNotice.objects.update(due_at=DatabaseNow(after=-timedelta(seconds=1)))


# By chance


def test_a_rate_of_all_and_of_none():
    set_fault_rates({FaultKind.QUERY_UNAVAILABLE: ALWAYS, FaultKind.CREATE_UNAVAILABLE: 0})
    assert all(is_fault_due(FaultKind.QUERY_UNAVAILABLE) for _ in range(50))
    assert not any(is_fault_due(FaultKind.CREATE_UNAVAILABLE) for _ in range(50))


def test_a_rate_is_about_what_it_says():
    set_fault_rates({FaultKind.NOTICE_LOST: 50})
    # 6 standard deviations around 5 %: wrong once in 500 million runs.
    assert 370 < sum(is_fault_due(FaultKind.NOTICE_LOST) for _ in range(10_000)) < 631


def test_rates_cost_a_call_no_query(django_assert_max_num_queries):
    set_fault_rates(dict.fromkeys(FaultKind, 1))
    with django_assert_max_num_queries(1):
        for _ in range(300):
            is_fault_due(FaultKind.REFUND_SLOW)


def test_what_another_process_set_is_known_within_a_second(monkeypatch):
    assert not is_fault_due(FaultKind.NOTICE_LOST)
    SandboxFault.objects.create(kind=FaultKind.NOTICE_LOST, per_mille=ALWAYS)
    assert not is_fault_due(FaultKind.NOTICE_LOST)
    monkeypatch.setattr(faults, "BELIEVED_SECONDS", 0.0)
    assert is_fault_due(FaultKind.NOTICE_LOST)


def test_the_command_sets_shows_and_ends(capsys):
    call_command("set_sandbox_faults", "all=2.5", "drop=5")
    rates = read_fault_rates()
    assert (rates[FaultKind.NOTICE_LOST], rates[FaultKind.NOTICE_FORGED]) == (50, 25)
    call_command("set_sandbox_faults", "off", "--json")
    assert set(json.loads(capsys.readouterr().out.splitlines()[-1]).values()) == {0.0}


@pytest.mark.parametrize("wish", ["drop", "drop=", "drop=-1", "drop=101", "nobody=5", "drop=5%", "drop=1e1", "=5"])
def test_the_command_refuses_what_it_does_not_know(wish):
    with pytest.raises(CommandError):
        call_command("set_sandbox_faults", wish)
    assert not SandboxFault.objects.exists()


def test_without_the_sandbox_there_is_nothing_to_set(settings):
    settings.PAYMENT_GATEWAYS = []
    with pytest.raises(CommandError):
        call_command("set_sandbox_faults", "drop=5")


# Notices


def test_a_delayed_notice_comes_later_also_after_a_crash(shop):
    payment = make_payment()
    always(FaultKind.NOTICE_DELAYED)
    assert pay_at_bank(payment).status == 202
    assert shop == []
    # Nothing but the row remembers it: any process sends it.
    assert send_due_notices() == 0
    let_notices_be_due()
    assert send_due_notices() == 1
    assert fresh(payment).state == PaymentState.SUCCEEDED
    assert not SandboxNotice.objects.exists()


def test_copies_have_one_effect_and_are_all_answered(shop, monkeypatch):
    payment = make_payment()
    monkeypatch.setattr(notices, "MOST_COPIES", 3)
    monkeypatch.setattr(notices.chance, "randint", lambda _least, most: most)
    always(FaultKind.NOTICE_DUPLICATED)
    pay_at_bank(payment)
    let_notices_be_due()
    assert send_due_notices() == 3
    assert [status for _notice, status in shop] == [200] * 4
    assert len(notices_of(payment)) == 1


def test_a_failed_attempt_after_the_success_changes_nothing(shop):
    payment = make_payment()
    always(FaultKind.NOTICE_REORDERED)
    pay_at_bank(payment)
    let_notices_be_due()
    send_due_notices()
    assert [notice["status"] for notice, _status in shop] == ["SUCCESS", "FAIL"]
    assert fresh(payment).state == PaymentState.SUCCEEDED


def test_a_forged_notice_is_refused_and_the_true_one_is_not_in_its_way(shop):
    payment = make_payment()
    always(FaultKind.NOTICE_FORGED)
    assert pay_at_bank(payment).status == 200
    assert [status for _notice, status in shop] == [403, 200]
    assert fresh(payment).state == PaymentState.SUCCEEDED


def test_a_shop_that_is_away_is_told_again_until_it_answers(shop, monkeypatch):
    payment = make_payment()
    with monkeypatch.context() as patch:
        patch.setattr("pgs_task.payment.sandbox_gateway.tests.test_faults.receive_notice", lambda **_: 1 / 0)
        assert pay_at_bank(payment).status == 500
        let_notices_be_due()
        assert send_due_notices() == 0
        assert SandboxNotice.objects.get().attempts == 1
    let_notices_be_due()
    assert send_due_notices() == 1
    assert fresh(payment).state == PaymentState.SUCCEEDED


def test_a_shop_that_never_answers_is_given_up(shop, monkeypatch):
    queue.put_off_notice(payment_id=1, body=b"{}", base_url="http://127.0.0.1:1", seconds=-1)
    monkeypatch.setattr(sending, "send_signed", lambda *_args, **_names: httpx.Response(503))
    for _ in range(len(queue.RETRY_SECONDS) + 1):
        let_notices_be_due()
        send_due_notices()
    assert not SandboxNotice.objects.exists()


def test_a_notice_that_another_process_picked_is_left_to_it():
    queue.put_off_notice(payment_id=1, body=b"{}", base_url="http://127.0.0.1:1", seconds=-1)
    assert len(queue.pick_due_notices(limit=5)) == 1
    assert queue.pick_due_notices(limit=5) == []


# Money


def test_a_wrong_amount_is_really_taken():
    payment = make_payment()
    always(FaultKind.WRONG_AMOUNT)
    trade = take_at_gateway(payment)
    assert trade.amount_fen > payment.amount_fen
    assert take_at_gateway(payment).amount_fen == trade.amount_fen
    answer = make_gateway("sandbox").query(payment_id=payment.pk)
    assert (answer.state, answer.amount_fen) == (TradeState.PAID, trade.amount_fen)


@pytest.mark.parametrize("kind", [FaultKind.CREATE_DONE_UNANSWERED, FaultKind.CLOSE_DONE_UNANSWERED])
def test_what_was_done_without_an_answer_is_found_done(kind):
    payment = make_payment()
    always(kind)
    gateway = make_gateway("sandbox")
    if kind == FaultKind.CLOSE_DONE_UNANSWERED:
        with pytest.raises(GatewayUnavailable):
            gateway.close(payment_id=payment.pk)
        assert gateway.query(payment_id=payment.pk).state == TradeState.CLOSED
        return
    SandboxTrade.objects.all().delete()
    with pytest.raises(Unavailable):
        start(order_of(payment))
    assert gateway.query(payment_id=payment.pk).state == TradeState.WAITING


def test_a_refund_under_another_trades_number_takes_nothing():
    payment = make_payment()
    trade = take_at_gateway(payment)
    request = {
        "payment_id": payment.pk,
        "refund_no": "RX",
        "amount_fen": trade.amount_fen,
        "paid_fen": trade.amount_fen,
        "reason": "x",
    }
    gateway = make_gateway("sandbox")
    assert gateway.refund(RefundRequest(trade_no="other", **request)).state == RefundAnswerState.REFUSED
    assert gateway.refund(RefundRequest(trade_no=trade.trade_no, **request)).state == RefundAnswerState.SUCCEEDED
