"""Reads request bodies: JSON objects only, read one way by everybody who reads them."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import IO, Any, NoReturn

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from pgs_web.api.errors import BodyTooLarge
from pgs_web.api.limits import DEEPEST_BODY, LARGEST_BODY


class StrictJsonParser(BaseParser):
    """A UTF-8 JSON object without duplicate keys, NaN, NUL or lone surrogates; raises ParseError or BodyTooLarge."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return parse_object(stream.read(LARGEST_BODY + 1))


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises ParseError (400) or BodyTooLarge (413)."""
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge
    try:
        parsed = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object_of, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise _refusal(_("The body isn't UTF-8.")) from error
    except RecursionError as error:
        raise _refusal(_("The body is nested too deeply.")) from error
    except ValueError as error:
        # Also integers of more digits than Python converts.
        raise _refusal(_("The body isn't valid JSON.")) from error
    if not isinstance(parsed, dict):
        raise _refusal(_("The body must be a JSON object: {…}."))
    _check_texts(parsed, depth=0)
    return parsed


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    # Two readers may pick different ones of two equal keys: what was checked isn't what is used.
    if len(read) != len(pairs):
        raise _refusal(_("A key is there twice in one object."))
    return read


def _refuse_constant(_constant: str) -> NoReturn:
    raise _refusal(_("NaN and Infinity aren't JSON."))


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _refusal(_("A number is too large."))
    return number


def _check_texts(value: Any, *, depth: int) -> None:
    if depth > DEEPEST_BODY:
        raise _refusal(_("The body is nested too deeply."))
    if isinstance(value, str):
        if "\x00" in value:
            raise _refusal(_("Remove the NUL characters."))
        # Half of a surrogate pair can't be stored, logged or answered as UTF-8.
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _refusal(_("A text holds half of a surrogate pair."))
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_texts(key, depth=depth + 1)
            _check_texts(each, depth=depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, depth=depth + 1)


def _refusal(detail: Any) -> ParseError:
    return ParseError(detail)


class JsonOnly(BaseContentNegotiation):
    """Answers JSON whatever `Accept` asks for; a body must be declared as application/json, else 415."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        declared = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == declared), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Any,
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
