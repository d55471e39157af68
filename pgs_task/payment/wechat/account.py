"""The shop's account at WeChat Pay: the one place where its settings are read."""

from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.gateways.common_settings import read_notice_url, read_subject
from pgs_task.payment.gateways.pem import read_pem

REQUIRED = {
    "mchid": "WECHAT_MCHID",
    "appid": "WECHAT_APPID",
    "certificate_serial": "WECHAT_CERTIFICATE_SERIAL",
    "private_key": "WECHAT_PRIVATE_KEY",
    "apiv3_key": "WECHAT_APIV3_KEY",
    "endpoint": "WECHAT_ENDPOINT",
}


@dataclass(frozen=True, kw_only=True)
class WeChatAccount:
    """`private_key` and `certificate_serial` are ours and sign.

    What WeChat signs is verified with `public_key` (known as `public_key_id`), the `platform_certificates` (one or more
    in one PEM text), or both while it changes over. `apiv3_key` decrypts.
    """

    mchid: str
    appid: str
    certificate_serial: str
    private_key: str = field(repr=False)
    apiv3_key: str = field(repr=False)
    public_key_id: str = ""
    public_key: str = field(default="", repr=False)
    platform_certificates: str = field(default="", repr=False)
    endpoint: str
    notice_url: str
    return_url: str = ""
    subject: str = "PGS"


def read_wechat_account() -> WeChatAccount:
    """The account of the settings; raises ImproperlyConfigured that names what is missing, never a key."""
    values = settings.WECHAT
    missing = [variable for name, variable in REQUIRED.items() if not values[name]]
    if not settings.PAYMENT_NOTICE_BASE_URL:
        missing.append("PAYMENT_NOTICE_BASE_URL")
    if not values["public_key"] and not values["platform_certificates"]:
        missing.append("WECHAT_PUBLIC_KEY or WECHAT_PLATFORM_CERTIFICATES")
    if bool(values["public_key"]) != bool(values["public_key_id"]):
        missing.append("one of WECHAT_PUBLIC_KEY and WECHAT_PUBLIC_KEY_ID")
    if missing:
        raise ImproperlyConfigured(f"WeChat Pay lacks {', '.join(missing)}.")
    return WeChatAccount(
        mchid=values["mchid"],
        appid=values["appid"],
        certificate_serial=values["certificate_serial"],
        private_key=read_pem(name="WECHAT_PRIVATE_KEY", value=values["private_key"]),
        apiv3_key=values["apiv3_key"],
        public_key_id=values["public_key_id"],
        public_key=_optional("WECHAT_PUBLIC_KEY", values["public_key"]),
        platform_certificates=_optional("WECHAT_PLATFORM_CERTIFICATES", values["platform_certificates"]),
        endpoint=values["endpoint"].rstrip("/"),
        notice_url=read_notice_url(code="wechat"),
        return_url=settings.PAYMENT_RETURN_URL,
        subject=read_subject(),
    )


def _optional(name: str, value: str) -> str:
    return read_pem(name=name, value=value) if value else ""
