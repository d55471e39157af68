import json
import re

import pytest
from django.test import Client
from django.utils import translation

pytestmark = [pytest.mark.urls("pgs_web.api.tests.broken_views")]

EXPECTED = {
    "refusal": (409, "sold_out_for_test"),
    "refusal-with-more": (409, "sold_out_for_test"),
    "http404": (404, "not_found"),
    "denied": (403, "permission_denied"),
    "redis-down": (503, "unavailable"),
    "redis-hangs": (503, "unavailable"),
    "database-down": (503, "unavailable"),
    "database-gone": (503, "unavailable"),
    "bug": (500, "server_error"),
}


@pytest.fixture
def client():
    return Client(raise_request_exception=False, headers={"Accept-Language": "en"})


def check_problem(response, status, code):
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert set(body) == {"type", "title", "status", "code", "detail", "trace_id", "errors"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["trace_id"] == response.headers["X-Trace-Id"]
    assert re.fullmatch("[0-9a-f]{32}", body["trace_id"])
    assert body["detail"]
    assert "secret" not in response.content.decode()
    return body


@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.parametrize("path", ["fail", "plain"])
def test_what_a_view_raises_becomes_a_problem(client, path, kind):
    status, code = EXPECTED[kind]
    body = check_problem(client.get(f"/api/v1/{path}/{kind}/"), status, code)
    if kind == "refusal-with-more":
        assert body["detail"] == "Only 2 are left."
        assert body["errors"] == [{"field": "quantity", "code": "max_value", "detail": "2 at most"}]
    else:
        assert body["errors"] == []


def test_bugs_are_problems_in_debug_too(client, settings):
    settings.DEBUG = True
    check_problem(client.get("/api/v1/fail/bug/"), 500, "server_error")


@pytest.mark.parametrize(
    ("address", "seconds"),
    [
        ("fail/redis-down", "1"),
        ("plain/database-down", "1"),
        ("fail/refusal-with-more", "7"),
        ("plain/refusal-with-more", "7"),
        ("fail/throttled", "3"),
    ],
)
def test_when_to_come_back_is_said(client, address, seconds):
    assert client.get(f"/api/v1/{address}/").headers["Retry-After"] == seconds


def test_django_itself_answers_problems_below_api_only(client):
    check_problem(client.get("/api/v1/nothing/"), 404, "not_found")
    check_problem(client.get("/api/v1/plain/suspicious/"), 400, "bad_request")
    check_problem(client.get("/api/v1/fail/refusal/", headers={"Host": "evil.example"}), 400, "bad_request")
    for address, status in (("/nothing/", 404), ("/page/denied/", 403), ("/page/bug/", 500)):
        response = client.get(address)
        assert response.status_code == status
        assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/api/v1/things/0/", "/api/v1/things/01/", "/api/v1/things/%31%00/",
                                  "/api/v1/things/１/", f"/api/v1/things/{2**63}/", "/api/v1/things/{1}/",
                                  "/api/v1/things/1%0d%0a/", "/api/v1/things/-1/"])  # fmt: skip
def test_an_id_spelled_otherwise_is_unknown(client, path):
    assert client.get("/api/v1/things/1/").json() == {"id": 1}
    check_problem(client.get(path), 404, "not_found")


def test_validation_errors_name_their_fields(client):
    body = {"lines": [{"quantity": 1}, {"quantity": "1"}, {}]}
    problem = check_problem(
        client.post("/api/v1/echo/", body, content_type="application/json"), 400, "validation_error"
    )
    assert {(error["field"], error["code"]) for error in problem["errors"]} == {
        ("lines.1.quantity", "invalid"),
        ("lines.2.quantity", "required"),
    }


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp",
     "application/*", "*/*", "application/vnd.api+json"],
)  # fmt: skip
def test_only_json_is_read(client, content_type):
    response = client.generic("POST", "/api/v1/echo/", b'{"lines": []}', content_type=content_type)
    check_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "application/problem+json", ";;;"])
def test_the_answer_is_json_whatever_is_accepted(client, accept):
    response = client.post(
        "/api/v1/echo/", {"lines": []}, content_type="application/json; charset=utf-8", headers={"Accept": accept}
    )
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    check_problem(client.get("/api/v1/fail/refusal/?format=html", headers={"Accept": accept}), 409, "sold_out_for_test")


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "get", "trace"])
def test_an_unknown_method_is_405_before_401(client, method):
    response = getattr(client, method)("/api/v1/members-only/")
    if method == "get":
        check_problem(response, 401, "not_authenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        check_problem(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("length", "status"), [("65536", 400), ("65537", 413), ("9" * 30, 413), ("-1", 400), ("abc", 400), ("١", 400)]
)
def test_bodies_over_64_kib_are_refused_unread(client, length, status):
    class Unread:
        def read(self, *_size):
            raise AssertionError("the body was read")

        readline = read

    extra = {"CONTENT_LENGTH": length} if status != 400 or not length.isdecimal() or not length.isascii() else {}
    if extra:
        extra["wsgi.input"] = Unread()
    response = client.generic("POST", "/api/v1/echo/", b"x" * 65_536, content_type="application/json", **extra)
    check_problem(response, status, "body_too_large" if status == 413 else "parse_error")


def test_nul_in_a_query_is_refused(client):
    check_problem(client.get("/api/v1/things/1/?search=a%00b"), 400, "parse_error")
    assert client.get("/api/v1/things/1/?search=a%0ab").status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Trace-Id": "my-trace_01"}, "my-trace_01"),
        (
            {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
            "0af7651916cd43dd8448eb211c80319c",
        ),
        ({"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}, None),
        ({"traceparent": "ff-garbage"}, None),
        ({"X-Trace-Id": "short"}, None),
        ({"X-Trace-Id": "x" * 65}, None),
        ({"X-Trace-Id": "evil trace {id}"}, None),
        ({"X-Trace-Id": "evil\r\nSet-Cookie: a"}, None),
        ({"X-Trace-Id": "１２３４５６７８"}, None),
    ],
)
def test_trace_ids(client, headers, expected):
    response = client.post("/api/v1/echo/", {"lines": []}, content_type="application/json", headers=headers)
    trace_id = response.headers["X-Trace-Id"]
    assert response.json()["trace_id"] == trace_id
    if expected:
        assert trace_id == expected
    else:
        assert re.fullmatch("[0-9a-f]{32}", trace_id)


def test_people_are_told_in_their_language_and_programs_always_the_same(client):
    with translation.override("zh-hans"):
        response = client.get("/api/v1/nothing/", headers={"Accept-Language": "zh-CN"})
    assert json.loads(response.content)["code"] == "not_found"
