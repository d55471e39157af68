"""The shop's account at Alipay: the one place where its settings are read."""

from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.gateways.common_settings import read_notice_url, read_subject
from pgs_task.payment.gateways.pem import read_pem

REQUIRED = {
    "app_id": "ALIPAY_APP_ID",
    "seller_id": "ALIPAY_SELLER_ID",
    "private_key": "ALIPAY_PRIVATE_KEY",
    "public_key": "ALIPAY_PUBLIC_KEY",
    "endpoint": "ALIPAY_ENDPOINT",
}


@dataclass(frozen=True, kw_only=True)
class AlipayAccount:
    """Keys are PEM texts: `private_key` is ours and signs, `public_key` is Alipay's (not ours) and verifies."""

    app_id: str
    seller_id: str
    private_key: str = field(repr=False)
    public_key: str = field(repr=False)
    endpoint: str
    notice_url: str
    return_url: str = ""
    subject: str = "PGS"


def read_alipay_account() -> AlipayAccount:
    """The account of the settings; raises ImproperlyConfigured that names what is missing, never a key."""
    values = settings.ALIPAY
    missing = [variable for name, variable in REQUIRED.items() if not values[name]]
    if not settings.PAYMENT_NOTICE_BASE_URL:
        missing.append("PAYMENT_NOTICE_BASE_URL")
    if missing:
        raise ImproperlyConfigured(f"Alipay lacks {', '.join(missing)}.")
    return AlipayAccount(
        app_id=values["app_id"],
        seller_id=values["seller_id"],
        private_key=read_pem(name="ALIPAY_PRIVATE_KEY", value=values["private_key"]),
        public_key=read_pem(name="ALIPAY_PUBLIC_KEY", value=values["public_key"]),
        endpoint=values["endpoint"],
        notice_url=read_notice_url(code="alipay"),
        return_url=settings.PAYMENT_RETURN_URL,
        subject=read_subject(),
    )
