"""WeChat's public keys by the serial that it names beside a signature, and what such a signature is worth."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificates
from django.core.exceptions import ImproperlyConfigured
from wechatpayv3.utils import rsa_verify

from pgs_task.payment.errors import BadSignature, StaleNotice
from pgs_task.payment.gateways.notice_fields import NUMBER
from pgs_task.payment.wechat.account import WeChatAccount

ALGORITHM = "WECHATPAY2-SHA256-RSA2048"
TIMESTAMP = re.compile(r"[0-9]{1,12}")
# How far a timestamp may be off, as WeChat asks its merchants to check.
TOLERANCE_SECONDS = 300
LONGEST_SIGNATURE = 1024
# WeChat sends wrong signatures on purpose, to see whether they are refused.
PROBE = "WECHATPAY/SIGNTEST/"


@dataclass(frozen=True)
class PlatformKey:
    """A key and, when it comes from a certificate, until when it is good."""

    key: RSAPublicKey
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now <= self.ends_at)


class PlatformKeys:
    """A fixed set: the SDK would ask WeChat for new ones whenever a stranger names a serial that it doesn't know.

    Raises ImproperlyConfigured for keys that can't be read.
    """

    def __init__(self, account: WeChatAccount) -> None:
        self._keys: dict[str, PlatformKey] = {}
        try:
            if account.public_key:
                self._add(account.public_key_id, load_pem_public_key(account.public_key.encode()))
            if account.platform_certificates:
                for certificate in load_pem_x509_certificates(account.platform_certificates.encode()):
                    self._add(
                        f"{certificate.serial_number:X}",
                        certificate.public_key(),
                        certificate.not_valid_before_utc,
                        certificate.not_valid_after_utc,
                    )
        except ValueError as error:
            raise ImproperlyConfigured("WECHAT_PUBLIC_KEY or WECHAT_PLATFORM_CERTIFICATES can't be read.") from error
        if not self._keys:
            raise ImproperlyConfigured("WeChat Pay lacks a key that its signatures are verified with.")

    def _add(
        self, serial: str, key: object, starts_at: datetime | None = None, ends_at: datetime | None = None
    ) -> None:
        if not serial or not isinstance(key, RSAPublicKey):
            raise ImproperlyConfigured("WeChat's keys are RSA keys with a serial.")
        self._keys[serial] = PlatformKey(key, starts_at, ends_at)

    def holds(self, key: RSAPublicKey) -> bool:
        """Whether a key is among them."""
        return any(each.key.public_numbers() == key.public_numbers() for each in self._keys.values())

    def verify(self, *, headers: Mapping[str, str], body: bytes) -> None:
        """Raises BadSignature, or StaleNotice for a signature that was WeChat's more than five minutes off."""
        signature = headers.get("Wechatpay-Signature", "")
        timestamp = headers.get("Wechatpay-Timestamp", "")
        nonce = headers.get("Wechatpay-Nonce", "")
        known = self._find(headers.get("Wechatpay-Serial", ""))
        if (
            known is None
            or signature.startswith(PROBE)
            or len(signature) > LONGEST_SIGNATURE
            or headers.get("Wechatpay-Signature-Type", ALGORITHM) != ALGORITHM
            # Neither may hold a line feed, which separates what is signed.
            or not TIMESTAMP.fullmatch(timestamp)
            or not NUMBER.fullmatch(nonce)
        ):
            raise BadSignature
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadSignature from error
        if not rsa_verify(timestamp, nonce, text, signature, known.key):
            raise BadSignature
        # The web server's clock: it judges the age of a message, not a deadline of the shop.
        if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
            raise StaleNotice

    def _find(self, serial: str) -> PlatformKey | None:
        # Certificates' serials are numbers, written with zeros in front or without.
        found = self._keys.get(serial) or self._keys.get(serial.upper().lstrip("0"))
        return found if found is not None and found.is_good(datetime.now(UTC)) else None
