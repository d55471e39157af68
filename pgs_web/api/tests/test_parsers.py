import json

import pytest
from rest_framework.exceptions import ParseError

from pgs_web.api.errors import BodyTooLarge
from pgs_web.api.limits import LARGEST_BODY
from pgs_web.api.parsers import parse_object


def test_an_ordinary_object_is_read():
    body = {"a": 1, "b": [True, None, 1.5, "礼物 🎁"], "c": {"d": "\r\n"}}
    assert parse_object(json.dumps(body).encode()) == body
    assert parse_object(json.dumps(body, ensure_ascii=False).encode()) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} {"b": 2}',
        b'{"a": 01}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\\udfff text"}',
        b'{"\\ud800": 1}',
        b'{"a": ["\\u0000"]}',
        b'{"a\\u0000": 1}',
        b'{"a": "\x00"}',
        b'{"a": 1, "a": 1}',
        b'{"x": {"a": 1, "a": 2}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": -1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    ids=range(33),
)
def test_anything_else_is_a_parse_error(body):
    with pytest.raises(ParseError):
        parse_object(body)


def test_the_limit_is_64_kib():
    padding = LARGEST_BODY - len(b'{"a": ""}')
    assert parse_object(b'{"a": "' + b"x" * padding + b'"}')
    with pytest.raises(BodyTooLarge):
        parse_object(b'{"a": "' + b"x" * (padding + 1) + b'"}')


def test_a_whole_surrogate_pair_is_a_character():
    assert parse_object(b'{"a": "\\ud83c\\udf81"}') == {"a": "🎁"}
