"""The published schema of the whole API keeps its promises in form; tests/live asks the server."""

import re

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from rest_framework.exceptions import ValidationError

from pgs_web.api.errors import Refusal
from pgs_web.api.fields import LineField
from pgs_web.api.ids import LARGEST_ID, read_id
from pgs_web.api.schema import BLANK_LINE_PATTERN, ID_PATTERN, LINE_PATTERN

PROBLEM = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield path, method, operation


def test_the_calls_of_this_room_are_there(schema):
    calls = {(path, method) for path, method, _ in operations(schema)}
    assert calls >= {
        ("/api/v1/auth/sms-codes/", "post"),
        ("/api/v1/auth/tokens/", "post"),
        ("/api/v1/auth/tokens/refresh/", "post"),
        ("/api/v1/auth/sign-out/", "post"),
        ("/api/v1/members/me/", "get"),
        ("/api/v1/members/me/", "patch"),
        ("/api/v1/members/me/addresses/", "get"),
        ("/api/v1/members/me/addresses/", "post"),
        ("/api/v1/members/me/addresses/{address_id}/", "get"),
        ("/api/v1/members/me/addresses/{address_id}/", "patch"),
        ("/api/v1/members/me/addresses/{address_id}/", "delete"),
    }


def test_every_call_tells_what_can_go_wrong(schema):
    for path, method, operation in operations(schema):
        answers = operation["responses"]
        needed = {"400", "405", "503"}
        if any(scheme for scheme in operation.get("security", [])):
            needed.add("401")
        if "{" in path:
            needed.add("404")
        if "requestBody" in operation:
            needed |= {"413", "415"}
        assert needed <= answers.keys(), (path, method)
        for status, answer in answers.items():
            assert "X-Trace-Id" in answer["headers"], (path, method, status)
            if int(status) >= 400:
                assert answer["content"] == {"application/problem+json": {"schema": PROBLEM}}, (path, method, status)
            if status in {"429", "503"}:
                assert "Retry-After" in answer["headers"]


def test_every_call_has_a_name_and_a_place(schema):
    names = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(schema):
        assert operation.get("tags") != ["api"], (path, method)
        assert re.fullmatch("[a-z][a-z_]*", operation["operationId"]), (path, method)


def test_every_refusal_is_listed(schema):
    listed = schema["components"]["schemas"]["Problem"]["description"]
    for code in Refusal.kinds:
        assert f"`{code}`" in listed


def test_signing_in_needs_no_token_and_own_data_does(schema):
    assert not any(schema["paths"]["/api/v1/auth/tokens/"]["post"].get("security", []))
    assert schema["paths"]["/api/v1/members/me/"]["get"]["security"] == [{"memberToken": []}]
    assert schema["paths"]["/api/v1/auth/tokens/"]["post"]["requestBody"]["required"] is True
    assert schema["components"]["securitySchemes"]["memberToken"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    "text", ["1", "42", "1234567890123456789", "9" * 18, "9079256848778919937", "9222999999999999999"]
)
def test_the_pattern_of_ids_is_what_is_read(text):
    assert re.search(ID_PATTERN, text)
    assert read_id(text) == int(text) <= LARGEST_ID


@pytest.mark.parametrize("text", ["", "0", "01", "-1", "1.0", "9223372036854775808", "9" * 19, "9" * 20, "１"])
def test_and_nothing_else(text):
    assert not re.search(ID_PATTERN, text)
    assert read_id(text) is None


def test_the_pattern_of_lines():
    for text in ("a", " a b ", "礼物 🎁"):
        assert re.search(LINE_PATTERN, text)
        assert re.search(BLANK_LINE_PATTERN, text)
        assert LineField().run_validation(text) == text.strip()
    for text in ("", " "):
        assert not re.search(LINE_PATTERN, text)
        assert re.search(BLANK_LINE_PATTERN, text)


@pytest.mark.parametrize(
    "character", ["\x00", "\t", "\n", "\r", "\x1f", "\x7f", "\x9f", *"\u2028\u2029\u202a\u202e\u2066\u2069"]
)
def test_what_no_line_holds(character):
    text = f"a{character}b"
    assert not re.search(LINE_PATTERN, text)
    assert not re.search(BLANK_LINE_PATTERN, text)
    with pytest.raises(ValidationError):
        LineField().run_validation(text)


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize(("path", "kind"), [("schema", "application/vnd.oai.openapi"), ("docs", "text/html")])
def test_it_is_published_to_everybody(client, path, kind):
    response = client.get(f"/api/v1/{path}/")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(kind)
    assert b"https://cdn" not in response.content
    assert b"<script>" not in response.content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*", "application/vnd.oai.openapi;"),
        ("", "application/json,*/*", "application/vnd.oai.openapi+json;"),
        ("?format=json", "*/*", "application/vnd.oai.openapi+json;"),
        ("?format=yaml", "application/json", "application/vnd.oai.openapi;"),
        # drf-spectacular would put the version into a header.
        ("?version=1%0d%0aSet-Cookie:%20a=b", "*/*", "application/vnd.oai.openapi;"),
    ],
)
def test_it_comes_as_it_is_asked_for(client, query, accept, kind):
    response = client.get(f"/api/v1/schema/{query}", headers={"accept": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(kind)
    document = yaml.safe_load(response.content)
    assert document["openapi"].startswith("3.0")
    assert document["info"]["version"] == "1"


@pytest.mark.parametrize("query", ["format=xml", "format=", "lang=fr", "lang=../../etc", "lang=%0d%0a"])
def test_and_not_in_what_there_is_not(client, query):
    response = client.get(f"/api/v1/schema/?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "validation_error"


def test_it_describes_the_calls_in_one_language(client):
    said = client.get("/api/v1/schema/?format=json", headers={"accept-language": "zh-Hans"}).content.decode()
    assert '"summary": "Add an address"' in said
    assert not re.search("[\u4e00-\u9fff]", said)
    chinese = client.get("/api/v1/schema/?format=json&lang=zh-hans").content.decode()
    assert '"summary": "Add an address"' not in chinese
