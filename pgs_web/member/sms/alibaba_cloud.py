"""Alibaba Cloud SMS: the RPC call SendSms, version 2017-05-25, signed with HMAC-SHA1 as its documentation demands."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote, urlencode

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from pgs_web.member.sms.contract import ProviderFailed

VERSION = "2017-05-25"
TIMEOUT_SECONDS = 4.0
LARGEST_ANSWER = 65_536


def percent_encode(text: str) -> str:
    """RFC 3986: everything but letters, digits and -_.~ is escaped, the space as %20."""
    return quote(text, safe="-_.~")


def sign_request(parameters: Mapping[str, str], *, method: str, access_key_secret: str) -> str:
    """The value of `Signature` for a request's other parameters."""
    query = "&".join(f"{percent_encode(name)}={percent_encode(parameters[name])}" for name in sorted(parameters))
    text = f"{method}&{percent_encode('/')}&{percent_encode(query)}"
    digest = hmac.new(f"{access_key_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, kw_only=True)
class AlibabaCloudSms:
    """One account, signature name and template; the template has one variable, `code`."""

    endpoint: str
    region: str
    access_key_id: str
    access_key_secret: str
    sign_name: str
    template_code: str

    @classmethod
    def from_settings(cls) -> Self:
        missing = [name for name, value in settings.ALIBABA_CLOUD_SMS.items() if not value]
        if missing:
            raise ImproperlyConfigured(f"SMS_PROVIDER=alibaba_cloud needs settings of ALIBABA_CLOUD_SMS: {missing}")
        return cls(**settings.ALIBABA_CLOUD_SMS)

    def send_sign_in_code(self, *, phone: str, code: str) -> None:
        parameters = {
            "AccessKeyId": self.access_key_id,
            "Action": "SendSms",
            "Format": "JSON",
            "PhoneNumbers": phone,
            "RegionId": self.region,
            "SignName": self.sign_name,
            "SignatureMethod": "HMAC-SHA1",
            # Theirs refuses a nonce that it has seen: an intercepted request can't be sent again.
            "SignatureNonce": uuid.uuid4().hex,
            "SignatureVersion": "1.0",
            "TemplateCode": self.template_code,
            "TemplateParam": json.dumps({"code": code}),
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": VERSION,
        }
        signature = sign_request(parameters, method="POST", access_key_secret=self.access_key_secret)
        body = urlencode({**parameters, "Signature": signature})
        try:
            # A new connection each time: sign-ins are rare, and a stale pooled one would cost a shopper the message.
            answer = httpx.post(
                self.endpoint,
                content=body,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            raise ProviderFailed(type(error).__name__) from error
        result = read_answer(answer.content[:LARGEST_ANSWER])
        if answer.status_code != httpx.codes.OK or result != "OK":
            raise ProviderFailed(f"HTTP {answer.status_code}, {result}")


def read_answer(body: bytes) -> str:
    """The answer's `Code`: OK, or why not (isv.BUSINESS_LIMIT_CONTROL, SignatureDoesNotMatch …)."""
    try:
        answer = json.loads(body)
    except ValueError:
        return "unreadable answer"
    code = answer.get("Code") if isinstance(answer, dict) else None
    return code[:100] if isinstance(code, str) else "answer without Code"
