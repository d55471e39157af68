"""Settings that every real gateway's account needs, judged before a gateway refuses them."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Gateways refuse some signs in it, and limit its length; the order's number follows.
SUBJECT = re.compile(r"[^\s&=/][^\r\n\t&=/]{0,63}")


def read_notice_url(*, code: str) -> str:
    """Where the gateway sends its notices; raises ImproperlyConfigured for anything but https."""
    base = settings.PAYMENT_NOTICE_BASE_URL.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme != "https" or not parts.hostname:
        raise ImproperlyConfigured("PAYMENT_NOTICE_BASE_URL must be an address with https://.")
    return f"{base}/api/v1/payments/notices/{code}/"


def read_subject() -> str:
    """What shoppers read in their bank's list, in front of the order's number; raises ImproperlyConfigured."""
    subject: str = settings.PAYMENT_SUBJECT
    if not SUBJECT.fullmatch(subject):
        raise ImproperlyConfigured("PAYMENT_SUBJECT is one line of 1 to 64 characters without &, = and /.")
    return subject
