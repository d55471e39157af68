"""Which of WeChat's keys count, and what the SDK would do by itself."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from wechatpayv3.core import Core

from pgs_task.payment.errors import BadSignature
from pgs_task.payment.gateways.contract import GatewayUnavailable, TradeState
from pgs_task.payment.gateways.tests.serving import Said, private_pem, public_pem
from pgs_task.payment.wechat.adapter import WeChatGateway
from pgs_task.payment.wechat.tests.making import (
    KEY_ID,
    MCHID,
    MERCHANT_SERIAL,
    PAYMENT_ID,
    make_account,
    make_certificate,
    signed,
    wechat_at_work,
)

WITH_PUBLIC_KEY = {"public_key": public_pem("wechat"), "public_key_id": KEY_ID}


def test_the_sdk_alone_believes_an_unsigned_error():
    with wechat_at_work() as (double, _gateway):
        double.failures.append((404, "ORDER_NOT_EXIST"))
        double.spoil = lambda said: Said(said.body, status=said.status)
        alone = Core(MCHID, MERCHANT_SERIAL, private_pem("shop"), "", timeout=2, **WITH_PUBLIC_KEY)
        alone._gate_way = double.address
        assert alone.request(f"/v3/pay/transactions/out-trade-no/{PAYMENT_ID}?mchid={MCHID}")[0] == 404


def test_the_sdk_alone_lets_strangers_drive_its_downloads(monkeypatch):
    alone = Core(MCHID, MERCHANT_SERIAL, private_pem("shop"), "", **WITH_PUBLIC_KEY)
    asked: list[str] = []
    monkeypatch.setattr(alone, "request", lambda path, **_options: (asked.append(path), (500, ""))[1])
    headers = signed(b"{}", owner="stranger", serial="77")
    assert not alone._verify_signature(headers, "{}")
    assert asked == ["/v3/certificates"]
    with pytest.raises(BadSignature):
        WeChatGateway(make_account()).verify_notice(headers=headers, body=b"{}")


def test_platform_certificates_instead_of_a_public_key():
    # Making the adapter asks nobody, where the SDK would download certificates.
    with wechat_at_work(public_key="", public_key_id="", platform_certificates=make_certificate()) as (double, gateway):
        double.serial = "abcdef0123456789"
        double.pay()
        assert gateway.query(payment_id=PAYMENT_ID).state == TradeState.PAID
        double.serial = "00ABCDEF0123456789"
        assert gateway.query(payment_id=PAYMENT_ID).state == TradeState.PAID
        double.serial = KEY_ID
        with pytest.raises(GatewayUnavailable):
            gateway.query(payment_id=PAYMENT_ID)


def test_a_certificate_that_has_ended_verifies_nothing():
    bundle = make_certificate(days=-1) + make_certificate(owner="stranger", serial=7)
    with wechat_at_work(platform_certificates=bundle) as (double, gateway):
        double.pay()
        assert gateway.query(payment_id=PAYMENT_ID).state == TradeState.PAID
        double.serial = "ABCDEF0123456789"
        with pytest.raises(GatewayUnavailable):
            gateway.query(payment_id=PAYMENT_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "nonsense"},
        {"private_key": public_pem("shop")},
        {"public_key": "nonsense"},
        {"public_key": public_pem("shop")},
        {"public_key": private_pem("wechat")},
        {"public_key": "", "public_key_id": ""},
        {"public_key_id": ""},
        {"platform_certificates": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"apiv3_key": "short"},
    ],
    ids=[
        "no private key",
        "a public one",
        "no public key",
        "our own",
        "a private one",
        "none",
        "no id",
        "torn",
        "short",
    ],
)
def test_keys_that_cannot_be_meant_are_refused_at_once(changes):
    with pytest.raises(ImproperlyConfigured) as caught:
        WeChatGateway(make_account(**changes))
    assert "BEGIN" not in str(caught.value)


def test_an_account_does_not_show_its_keys():
    assert "BEGIN" not in repr(make_account())
    assert "0123456789abcdef" not in repr(make_account())
