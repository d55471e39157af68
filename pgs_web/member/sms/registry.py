"""Which provider sends: `settings.SMS_PROVIDER`."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_web.member.sms.alibaba_cloud import AlibabaCloudSms
from pgs_web.member.sms.contract import SmsProvider
from pgs_web.member.sms.sandbox import SandboxSmsProvider

PROVIDERS: dict[str, Callable[[], SmsProvider]] = {
    "sandbox": SandboxSmsProvider,
    "alibaba_cloud": AlibabaCloudSms.from_settings,
}


def open_provider() -> SmsProvider:
    """The configured provider; raises ImproperlyConfigured for an unknown name or missing credentials."""
    try:
        return PROVIDERS[settings.SMS_PROVIDER]()
    except KeyError as error:
        known = ", ".join(PROVIDERS)
        raise ImproperlyConfigured(
            f"SMS_PROVIDER={settings.SMS_PROVIDER!r} is unknown, choose one of: {known}"
        ) from error
