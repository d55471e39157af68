"""The account as the settings give it."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.gateways.tests.serving import private_pem, public_pem
from pgs_task.payment.wechat.account import read_wechat_account
from pgs_task.payment.wechat.adapter import WeChatGateway
from pgs_task.payment.wechat.tests.making import APIV3_KEY, APPID, KEY_ID, MCHID, MERCHANT_SERIAL, make_certificate


@pytest.fixture
def account_settings(settings, tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(private_pem("shop"))
    settings.PAYMENT_NOTICE_BASE_URL = "https://shop.example.com/"
    settings.WECHAT = {
        "mchid": MCHID,
        "appid": APPID,
        "certificate_serial": MERCHANT_SERIAL,
        "private_key": str(path),
        "apiv3_key": APIV3_KEY,
        "public_key_id": KEY_ID,
        "public_key": public_pem("wechat").replace("\n", "\\n"),
        "platform_certificates": "",
        "endpoint": "https://api.mch.weixin.qq.com/",
    }
    return settings


def test_keys_are_texts_or_files(account_settings):
    account = read_wechat_account()
    assert account.private_key == private_pem("shop")
    assert account.public_key == public_pem("wechat")
    assert account.notice_url == "https://shop.example.com/api/v1/payments/notices/wechat/"
    assert account.endpoint == "https://api.mch.weixin.qq.com"
    assert WeChatGateway().code == "wechat"


def test_certificates_may_stand_for_the_public_key(account_settings):
    account_settings.WECHAT |= {
        "public_key": "",
        "public_key_id": "",
        "platform_certificates": make_certificate() + make_certificate(owner="stranger", serial=7),
    }
    assert WeChatGateway().code == "wechat"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        *(({name: ""}, f"WECHAT_{name.upper()}") for name in ("mchid", "appid", "certificate_serial", "private_key")),
        *(({name: ""}, f"WECHAT_{name.upper()}") for name in ("apiv3_key", "endpoint", "public_key", "public_key_id")),
        ({"public_key": "", "public_key_id": ""}, "WECHAT_PLATFORM_CERTIFICATES"),
        ({"private_key": "/nowhere"}, "WECHAT_PRIVATE_KEY"),
    ],
)
def test_what_is_missing_is_named(account_settings, changes, told):
    account_settings.WECHAT |= changes
    with pytest.raises(ImproperlyConfigured, match=told):
        read_wechat_account()


def test_wechat_has_to_know_where_to_send_notices(account_settings):
    account_settings.PAYMENT_NOTICE_BASE_URL = ""
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_NOTICE_BASE_URL"):
        read_wechat_account()


@pytest.mark.parametrize("address", ["http://shop.example.com", "shop.example.com", "https://"])
def test_notices_come_over_tls(account_settings, address):
    account_settings.PAYMENT_NOTICE_BASE_URL = address
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_NOTICE_BASE_URL"):
        read_wechat_account()


@pytest.mark.parametrize("subject", ["", "a&b", "a=b", "a/b", "x" * 65, "a\n"])
def test_a_subject_that_gateways_refuse_is_refused_here(account_settings, subject):
    account_settings.PAYMENT_SUBJECT = subject
    with pytest.raises(ImproperlyConfigured, match="PAYMENT_SUBJECT"):
        read_wechat_account()
