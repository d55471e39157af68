"""The WeChat Pay SDK, with limits that it doesn't have: time, length, one kind of failure, and signed errors."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.core.exceptions import ImproperlyConfigured
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core
from wechatpayv3.type import RequestType
from wechatpayv3.utils import aes_decrypt, build_authorization

from pgs_task.payment.errors import MalformedNotice, NoticeRefused
from pgs_task.payment.gateways.contract import GatewayUnavailable
from pgs_task.payment.gateways.exchange import Answer, exchange
from pgs_task.payment.gateways.notice_fields import read_json_object
from pgs_task.payment.wechat.account import WeChatAccount
from pgs_task.payment.wechat.keys import PlatformKeys

SHORTEST_KEY_BITS = 2048
APIV3_KEY_LENGTH = 32
ERROR_CODE = re.compile(r'"code"\s*:\s*"([A-Z_]{1,40})"')
# Nothing is known then: WeChat stumbled, has too much to do, or doesn't know who asks.
UNDECIDED_CODES = frozenset({"SYSTEM_ERROR", "BIZERR_NEED_RETRY", "FREQUENCY_LIMITED", "SIGN_ERROR"})


@dataclass(frozen=True)
class Reply:
    """What WeChat decided, signed: a document, or the code of an error."""

    content: dict[str, Any]
    error: str = ""


class CheckedCore(Core):
    """The SDK's requests over our transport; every answer is verified, errors too. Asks nobody when it is made."""

    def __init__(self, account: WeChatAccount) -> None:
        self.keys = PlatformKeys(account)
        try:
            super().__init__(
                mchid=account.mchid,
                cert_serial_no=account.certificate_serial,
                private_key=account.private_key,
                apiv3_key=account.apiv3_key,
            )
        except Exception as error:
            # The SDK raises Exception itself.
            raise ImproperlyConfigured("WECHAT_PRIVATE_KEY is no private key (PKCS#8).") from error
        self._gate_way = account.endpoint
        # Named in requests, so that WeChat signs its answers with it and not with a certificate.
        self._public_key_id = account.public_key_id

    def _init_certificates(self) -> None:
        # The SDK would download them here.
        return

    def request(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Any = None,
        *_unused: Any,
        **_also_unused: Any,
    ) -> tuple[int, str]:
        content = json.dumps(data) if data else ""
        answer = exchange(
            method=method.value,
            url=self._gate_way + path,
            headers=self.headers(path, method=method, content=content),
            content=content.encode(),
        )
        try:
            self.keys.verify(headers=answer.headers, body=answer.body)
        except NoticeRefused as error:
            raise GatewayUnavailable(f"status {answer.status} {_code_in(answer)} without WeChat's signature") from error
        return answer.status, answer.body.decode("utf-8")

    def headers(self, path: str, *, method: RequestType = RequestType.GET, content: str = "") -> dict[str, str]:
        """The headers of a request, signed."""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "pgs",
            "Authorization": build_authorization(
                path, method.value, self._mchid, self._cert_serial_no, self._private_key, data=content or None
            ),
        }
        return {**headers, "Wechatpay-Serial": self._public_key_id} if self._public_key_id else headers


class WeChatClient(WeChatPay):
    """Raises ImproperlyConfigured for keys that can't be meant."""

    def __init__(self, account: WeChatAccount) -> None:
        # Not the SDK's own beginning: it would make a core that goes to the network.
        self._type = WeChatPayType.H5
        self._mchid = account.mchid
        self._appid = account.appid
        self._notify_url = account.notice_url
        self._partner_mode = False
        self._core = CheckedCore(account)
        self._apiv3_key = account.apiv3_key
        self._refuse_weak_keys()

    def _refuse_weak_keys(self) -> None:
        key = self._core._private_key
        if not isinstance(key, RSAPrivateKey) or key.key_size < SHORTEST_KEY_BITS:
            raise ImproperlyConfigured(f"WECHAT_PRIVATE_KEY must be an RSA key of {SHORTEST_KEY_BITS} bits or more.")
        if self._core.keys.holds(key.public_key()):
            raise ImproperlyConfigured("WECHAT_PUBLIC_KEY must be WeChat's public key, not the shop's own.")
        if len(self._apiv3_key.encode()) != APIV3_KEY_LENGTH:
            raise ImproperlyConfigured(f"WECHAT_APIV3_KEY has {APIV3_KEY_LENGTH} bytes.")

    @property
    def keys(self) -> PlatformKeys:
        return self._core.keys

    def ask(self, call: Callable[..., tuple[int, str]], **arguments: Any) -> Reply:
        """What WeChat decided on one of the SDK's calls; raises GatewayUnavailable when nothing is known."""
        try:
            status, text = call(**arguments)
            content = read_json_object(text.encode()) if text else {}
        except GatewayUnavailable:
            raise
        except Exception as error:
            raise GatewayUnavailable(type(error).__name__) from error
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Reply(content)
        code = content.get("code")
        if status not in {400, 403, 404} or not isinstance(code, str) or not code or code in UNDECIDED_CODES:
            raise GatewayUnavailable(f"status {status} {str(code)[:40]}")
        return Reply(content, error=code[:40])

    def decrypt_resource(self, *, nonce: str, ciphertext: str, associated_data: str) -> str:
        """The text of a notice's resource; raises MalformedNotice when it wasn't encrypted with our key."""
        try:
            text: str | None = aes_decrypt(nonce, ciphertext, associated_data, self._apiv3_key)
        except ValueError as error:
            raise MalformedNotice("The resource can't be decrypted.") from error
        if text is None:
            raise MalformedNotice("The resource can't be decrypted.")
        return text

    def download_headers(self, path: str) -> dict[str, str]:
        return self._core.headers(path)


def _code_in(answer: Answer) -> str:
    # For the operator who looks for the reason; nothing is decided by it.
    match = ERROR_CODE.search(answer.body[:2_000].decode("utf-8", "replace"))
    return match[1] if match else ""
