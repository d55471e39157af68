"""How the sandbox gateway signs: hex HMAC-SHA256 over the timestamp, a line feed and the raw body."""

import hashlib
import hmac

from django.conf import settings

TIMESTAMP_HEADER = "X-Sandbox-Timestamp"
SIGNATURE_HEADER = "X-Sandbox-Signature"


def sign_notice(*, timestamp: str, body: bytes) -> str:
    """The signature of a notice; the secret is the gateway's identity."""
    message = timestamp.encode("utf-8", "replace") + b"\n" + body
    return hmac.new(settings.SANDBOX_GATEWAY_SECRET.encode(), message, hashlib.sha256).hexdigest()


def is_signature_of(signature: str, *, timestamp: str, body: bytes) -> bool:
    """Whether the signature is the gateway's, compared in constant time; never without a secret."""
    if not settings.SANDBOX_GATEWAY_SECRET:
        return False
    expected = sign_notice(timestamp=timestamp, body=body).encode()
    # Bytes: compare_digest refuses text beyond ASCII, which a header may hold.
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
