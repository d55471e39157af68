"""The Alipay SDK, with limits that it doesn't have: time, length, one kind of failure, and Alipay's own clock."""

import logging
from datetime import UTC, datetime
from typing import Any

from alipay import AliPay
from alipay.exceptions import AliPayException
from django.core.exceptions import ImproperlyConfigured

from pgs_task.payment.alipay.account import AlipayAccount
from pgs_task.payment.gateways.contract import GatewayUnavailable
from pgs_task.payment.gateways.exchange import exchange
from pgs_task.payment.gateways.moments import write_shanghai

SHORTEST_KEY_BITS = 2048
HTTP_OK = 200

# At its import the SDK gives its logger a handler of its own; what it has to say goes our way.
logging.getLogger("python-alipay-sdk").handlers.clear()


class AlipayClient(AliPay):
    """Signs requests and verifies answers and notices by the SDK; the way over the network is ours.

    Raises ImproperlyConfigured for keys that can't be meant; nothing goes over the network here.
    """

    def __init__(self, account: AlipayAccount) -> None:
        try:
            super().__init__(
                appid=account.app_id,
                app_notify_url=account.notice_url,
                app_private_key_string=account.private_key,
                alipay_public_key_string=account.public_key,
                sign_type="RSA2",
            )
        except (ValueError, IndexError, TypeError) as error:
            raise ImproperlyConfigured("ALIPAY_PRIVATE_KEY or ALIPAY_PUBLIC_KEY is no RSA key.") from error
        self._gateway = account.endpoint
        self._refuse_weak_keys()

    def _refuse_weak_keys(self) -> None:
        # The SDK takes either half for the other, and a short key too.
        if not self.app_private_key.has_private():
            raise ImproperlyConfigured("ALIPAY_PRIVATE_KEY is a public key.")
        if self.alipay_public_key.has_private() or self.alipay_public_key.n == self.app_private_key.n:
            raise ImproperlyConfigured("ALIPAY_PUBLIC_KEY must be Alipay's public key, not the shop's own.")
        if min(self.app_private_key.size_in_bits(), self.alipay_public_key.size_in_bits()) < SHORTEST_KEY_BITS:
            raise ImproperlyConfigured(f"Keys at Alipay have {SHORTEST_KEY_BITS} bits or more.")

    def ask(self, method: str, content: dict[str, Any]) -> dict[str, Any]:
        """Alipay's signed answer, whatever it says; raises GatewayUnavailable for none, and for one without signature.

        So an error that anybody could have written (Alipay doesn't sign all of them) decides nothing.
        """
        try:
            answer = self.server_api(method, content)
        except GatewayUnavailable:
            raise
        except Exception as error:
            # The SDK raises what it stumbles over: KeyError, AttributeError, ValueError, its own two.
            raise GatewayUnavailable(f"{method}: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise GatewayUnavailable(f"{method}: no object")
        return answer

    def is_signed(self, fields: dict[str, str], signature: str) -> bool:
        """Whether Alipay signed the fields of a notice (`sign_type` may be among them)."""
        try:
            return bool(self.verify(dict(fields), signature))
        except (ValueError, AliPayException):
            # A sign_type that isn't RSA2, or a signature that is no base64.
            return False

    def build_body(self, method: str, biz_content: Any = None, **kwargs: Any) -> dict[str, Any]:
        # The SDK would take this machine's wall clock; Alipay means Asia/Shanghai.
        body: dict[str, Any] = super().build_body(
            method, biz_content, timestamp=write_shanghai(datetime.now(UTC)), **kwargs
        )
        return body

    def verified_sync_response(self, data: dict[str, Any], response_type: str) -> Any:
        answer = exchange(method="GET", url=f"{self._gateway}?{self.sign_data(data)}")
        if answer.status != HTTP_OK:
            raise GatewayUnavailable(f"status {answer.status}")
        return self._verify_and_return_sync_response(answer.body.decode("utf-8"), response_type)
