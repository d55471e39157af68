"""The account as the settings give it."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.alipay.account import read_alipay_account
from pgs_task.payment.alipay.adapter import AlipayGateway
from pgs_task.payment.gateways.tests.serving import private_pem, public_pem


@pytest.fixture
def account_settings(settings, tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(private_pem("shop"))
    settings.PAYMENT_NOTICE_BASE_URL = "https://shop.example.com/"
    settings.ALIPAY = {
        "app_id": "2021000000000001",
        "seller_id": "2088000000000001",
        "private_key": str(path),
        "public_key": public_pem("alipay").replace("\n", "\\n"),
        "endpoint": "https://openapi.alipay.com/gateway.do",
    }
    return settings


def test_keys_are_texts_or_files(account_settings):
    account = read_alipay_account()
    assert account.private_key == private_pem("shop")
    assert account.public_key == public_pem("alipay")
    assert account.notice_url == "https://shop.example.com/api/v1/payments/notices/alipay/"
    assert AlipayGateway().code == "alipay"


@pytest.mark.parametrize("value", ["/nowhere/key.pem", "MIIEvQIBADAN", "\x00", "{folder}", "{folder}/text"])
def test_what_is_no_key_is_named_and_not_quoted(account_settings, tmp_path, value):
    (tmp_path / "text").write_text("no key at all")
    value = value.format(folder=tmp_path)
    account_settings.ALIPAY = {**account_settings.ALIPAY, "private_key": value}
    with pytest.raises(ImproperlyConfigured, match="ALIPAY_PRIVATE_KEY") as caught:
        read_alipay_account()
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["app_id", "seller_id", "private_key", "public_key", "endpoint"])
def test_what_is_missing_is_named(account_settings, name):
    account_settings.ALIPAY = {**account_settings.ALIPAY, name: ""}
    with pytest.raises(ImproperlyConfigured, match=f"ALIPAY_{name.upper()}"):
        read_alipay_account()


def test_alipay_has_to_know_where_to_send_notices(account_settings):
    account_settings.PAYMENT_NOTICE_BASE_URL = ""
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_NOTICE_BASE_URL"):
        read_alipay_account()


@pytest.mark.parametrize("address", ["http://shop.example.com", "shop.example.com", "https://"])
def test_notices_come_over_tls(account_settings, address):
    account_settings.PAYMENT_NOTICE_BASE_URL = address
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_NOTICE_BASE_URL"):
        read_alipay_account()


@pytest.mark.parametrize("subject", ["", "a&b", "a=b", "a/b", "x" * 65, "a\n"])
def test_a_subject_that_gateways_refuse_is_refused_here(account_settings, subject):
    account_settings.PAYMENT_SUBJECT = subject
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_SUBJECT"):
        read_alipay_account()
