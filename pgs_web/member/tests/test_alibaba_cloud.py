import base64
import hashlib
import hmac
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgs_web.member.sms.alibaba_cloud import AlibabaCloudSms, sign_request
from pgs_web.member.sms.contract import ProviderFailed
from pgs_web.member.sms.registry import open_provider

pytestmark = pytest.mark.slow

SECRET = "testSecret"


class GatewayServer(ThreadingHTTPServer):
    """What it received, the nonces it saw, an answer to give whatever comes, and how long it takes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Gateway)
        self.received: list[dict[str, str]] = []
        self.nonces: set[str] = set()
        self.answer: Any = None
        self.delay = 0.0


class Gateway(BaseHTTPRequestHandler):
    """Judges requests as the documentation of the signature says, written apart from the adapter."""

    server: GatewayServer

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        self.server.received.append(fields)
        status, answer = self.server.answer or self.judge(fields)
        time.sleep(self.server.delay)
        try:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        except (BrokenPipeError, ConnectionResetError):
            pass

    def judge(self, fields):
        signature = fields.pop("Signature")
        pairs = "&".join(f"{quote(name, safe='~')}={quote(fields[name], safe='~')}" for name in sorted(fields))
        to_sign = "POST&%2F&" + quote(pairs, safe="~")
        expected = base64.b64encode(hmac.digest(f"{SECRET}&".encode(), to_sign.encode(), hashlib.sha1)).decode()
        if signature != expected:
            return 400, {"Code": "SignatureDoesNotMatch", "Message": "…"}
        if fields["SignatureNonce"] in self.server.nonces:
            return 400, {"Code": "SignatureNonceUsed"}
        self.server.nonces.add(fields["SignatureNonce"])
        return 200, {"Code": "OK", "Message": "OK", "BizId": "900619746936498440^0", "RequestId": "F655A8D5"}

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def gateway():
    server = GatewayServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def make_provider(gateway, **changes):
    values = {
        "endpoint": f"http://127.0.0.1:{gateway.server_port}/",
        "region": "cn-hangzhou",
        "access_key_id": "testId",
        "access_key_secret": SECRET,
        "sign_name": "阿里云 短信*测试~",
        "template_code": "SMS_71390007",
    }
    return AlibabaCloudSms(**{**values, **changes})


def test_the_documentations_example_of_a_signature():
    parameters = {
        "AccessKeyId": "testId",
        "Action": "SendSms",
        "Format": "XML",
        "OutId": "123",
        "PhoneNumbers": "15300000001",
        "RegionId": "cn-hangzhou",
        "SignName": "阿里云短信测试专用",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "SignatureVersion": "1.0",
        "TemplateCode": "SMS_71390007",
        "TemplateParam": '{"customer":"test"}',
        "Timestamp": "2017-07-12T02:42:19Z",
        "Version": "2017-05-25",
    }
    assert sign_request(parameters, method="GET", access_key_secret=SECRET) == "zJDF+Lrzhj/ThnlvIToysFRq6t4="


def test_a_message_is_accepted_by_who_checks_the_signature(gateway):
    provider = make_provider(gateway)
    for _ in range(3):
        provider.send_sign_in_code(phone="13800138000", code="012345")
    request = gateway.received[0]
    assert (request["Action"], request["Version"], request["PhoneNumbers"]) == ("SendSms", "2017-05-25", "13800138000")
    assert json.loads(request["TemplateParam"]) == {"code": "012345"}
    assert request["SignName"] == "阿里云 短信*测试~"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", request["Timestamp"])
    assert len(gateway.nonces) == 3


def test_a_wrong_secret_is_a_failure(gateway):
    with pytest.raises(ProviderFailed, match="SignatureDoesNotMatch"):
        make_provider(gateway, access_key_secret="other").send_sign_in_code(phone="13800138000", code="012345")


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "13800138000"}),
        (200, {"Message": "no code"}),
        (200, []),
        (200, {"Code": 1}),
        (200, b"<html>13800138000"),
        (200, b""),
        (500, {"Code": "OK"}),
        (302, {"Code": "OK"}),
    ],
)
def test_any_other_answer_is_a_failure_without_the_phone(gateway, answer):
    gateway.answer = answer
    with pytest.raises(ProviderFailed) as caught:
        make_provider(gateway).send_sign_in_code(phone="13800138000", code="012345")
    assert "13800138000" not in caught.value.reason


def test_a_provider_that_hangs_or_is_gone_is_a_failure(gateway, monkeypatch):
    monkeypatch.setattr("pgs_web.member.sms.alibaba_cloud.TIMEOUT_SECONDS", 0.2)
    gateway.delay = 1
    with pytest.raises(ProviderFailed, match="ReadTimeout"):
        make_provider(gateway).send_sign_in_code(phone="13800138000", code="012345")
    with pytest.raises(ProviderFailed, match="ConnectError"):
        make_provider(gateway, endpoint="http://127.0.0.1:1/").send_sign_in_code(phone="13800138000", code="012345")


@pytest.mark.django_db(databases="__all__")
def test_the_shop_sends_through_it(api, gateway, settings):
    settings.SMS_PROVIDER = "alibaba_cloud"
    settings.ALIBABA_CLOUD_SMS = {
        name: getattr(make_provider(gateway), name)
        for name in ("endpoint", "region", "access_key_id", "access_key_secret", "sign_name", "template_code")
    }
    assert api.post("/api/v1/auth/sms-codes/", {"phone": "13800138000"}).status_code == 202
    code = json.loads(gateway.received[0]["TemplateParam"])["code"]
    assert api.post("/api/v1/auth/tokens/", {"phone": "13800138000", "code": code}).status_code == 200


def test_settings_that_can_not_work_are_named(settings):
    settings.SMS_PROVIDER = "alibaba_cloud"
    with pytest.raises(ImproperlyConfigured, match="access_key_id"):
        open_provider()
    settings.SMS_PROVIDER = "pigeon"
    with pytest.raises(ImproperlyConfigured, match="pigeon"):
        open_provider()
