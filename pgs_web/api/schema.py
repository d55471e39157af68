"""The published schema says everything the server may answer: the errors common to all calls are added to each."""

from collections.abc import Iterable
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiResponse, PolymorphicProxySerializer

from pgs_web.api.errors import PROBLEM_TYPE, BodyTooLarge, NotFound, Refusal, TooManyRequests, Unavailable
from pgs_web.api.fields import CodeField, IdField, LineField, StrictBooleanField, StrictIntegerField

PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
# Canonical decimal digits of 1 to 2^63 - 1, as far as a pattern can say it.
ID_PATTERN = r"^([1-9][0-9]{0,17}|[1-8][0-9]{18}|9[01][0-9]{17}|92[01][0-9]{16}|922[0-2][0-9]{15})$"
ID_SCHEMA = {"type": "string", "pattern": ID_PATTERN, "example": "1234567890123456789"}
# What `fields.is_forbidden` refuses: control characters, line and paragraph separators, turns of the direction.
FORBIDDEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
BLANK_LINE_PATTERN = rf"^[^{FORBIDDEN}]*$"
# One printable character at least.
LINE_PATTERN = rf"^[^{FORBIDDEN}]*[^\s{FORBIDDEN}][^{FORBIDDEN}]*$"
RETRY_STATUSES = {"429", "503"}


def refusals(*kinds: type[Refusal]) -> dict[tuple[int, str], OpenApiResponse]:
    """For `extend_schema(responses={200: …, **refusals(SoldOut, GroupFull)})`: documents the business refusals."""
    by_status: dict[int, list[type[Refusal]]] = {}
    for kind in kinds:
        by_status.setdefault(int(kind.status), []).append(kind)
    return {
        (status, PROBLEM_TYPE): OpenApiResponse(
            # Decorators run at import, in no reader's language.
            response=PROBLEM_SCHEMA,
            description=describe_refusals_later(tuple(group)),
        )
        for status, group in by_status.items()
    }


def describe_refusals(kinds: Iterable[type[Refusal]]) -> str:
    return "; ".join(map(describe_refusal, kinds))


describe_refusals_later = lazy(describe_refusals, str)


def describe_refusal(kind: type[Refusal]) -> str:
    return f"`{kind.code}`: {kind.detail}"


class ProblemAutoSchema(AutoSchema):
    """Adds what any call may answer: broken input, sign-in, unknown ids, bodies, rates, outages, and the trace id."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        for status, description in self.common_problems().items():
            known = responses.setdefault(
                status, {"description": "", "content": {PROBLEM_TYPE: {"schema": PROBLEM_SCHEMA}}}
            )
            said = str(known.get("description", ""))
            if description not in said:
                known["description"] = "; ".join(filter(None, [said, description]))
        for status, response in responses.items():
            headers = response.setdefault("headers", {})
            headers["X-Trace-Id"] = {"$ref": "#/components/headers/TraceId"}
            if status in RETRY_STATUSES:
                headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
        return dict(sorted(responses.items()))

    def _get_serializer_name(self, serializer: Any, direction: Direction, bypass_extensions: bool = False) -> str:
        # Bodies are called …Request by the split into what is sent and what is answered; some are called so already.
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name.replace("RequestRequest", "Request")

    def _get_request_body(self, direction: Direction = "request") -> dict[str, Any] | None:
        body: dict[str, Any] | None = super()._get_request_body(direction)
        if body and isinstance(self.get_request_serializer(), PolymorphicProxySerializer):
            # One of several bodies, each with fields that must be there.
            body["required"] = True
        return body

    def common_problems(self) -> dict[str, str]:
        """Status → what it means, for this call."""
        problems = {
            "400": str(_("`validation_error`, `parse_error`, `bad_request`: see detail and errors")),
            "405": str(_("`method_not_allowed`: see the header Allow")),
            "503": describe_refusal(Unavailable),
        }
        # An empty requirement says that no sign-in is needed.
        if any(self.get_auth()):
            problems["401"] = str(_("`not_authenticated`, `token_not_valid`: sign in or refresh"))
        if "{" in self.path:
            problems["404"] = describe_refusal(NotFound)
        if self._get_request_body():
            problems["413"] = describe_refusal(BodyTooLarge)
            problems["415"] = str(_("`unsupported_media_type`: send application/json"))
        if self.view.get_throttles():
            problems["429"] = describe_refusal(TooManyRequests)
        return problems


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook of drf-spectacular: the components that `ProblemAutoSchema` refers to."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = problem_schema(Refusal.kinds.values())
    components["headers"] = {
        "TraceId": {
            "description": "The request's id in our logs. Send one of your own in the same header to choose it.",
            "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
        },
        "RetryAfter": {
            "description": "Seconds to wait before the next attempt.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
    }
    return result


def problem_schema(kinds: Iterable[type[Refusal]]) -> dict[str, Any]:
    lines = sorted(f"- `{kind.code}` ({int(kind.status)}): {kind.detail}" for kind in kinds)
    texts = {"type": "string"}
    return {
        "type": "object",
        "description": "An error (RFC 9457). Refusals by code:\n" + "\n".join(lines),
        "required": ["type", "title", "status", "code", "detail", "trace_id", "errors"],
        "example": {
            "type": "urn:pgs:problem:validation_error",
            "title": "Bad Request",
            "status": 400,
            "code": "validation_error",
            "detail": "quantity: The smallest value allowed is 1.",
            "trace_id": "9f3c2b8e4d5a4f6e8b7c6d5e4f3a2b1c",
            "errors": [{"field": "quantity", "code": "min_value", "detail": "The smallest value allowed is 1."}],
        },
        "properties": {
            "type": texts,
            "title": texts,
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable: decide by it."},
            "detail": {"type": "string", "description": "For people, in their language."},
            "trace_id": texts,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "detail"],
                    "properties": {"field": {"type": "string", "nullable": True}, "code": texts, "detail": texts},
                },
            },
        },
    }


class StrictIntegerSchema(OpenApiSerializerFieldExtension):
    target_class = StrictIntegerField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = {"type": "integer", "minimum": self.target.min_value, "maximum": self.target.max_value}
        return schema if self.target.max_value < 2**31 else {**schema, "format": "int64"}


class IdSchema(OpenApiSerializerFieldExtension):
    target_class = IdField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return dict(ID_SCHEMA)


class StrictBooleanSchema(OpenApiSerializerFieldExtension):
    target_class = StrictBooleanField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return {"type": "boolean"}


class CodeSchema(OpenApiSerializerFieldExtension):
    target_class = CodeField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.target.codes)}


class LineSchema(OpenApiSerializerFieldExtension):
    target_class = LineField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        if direction == "request":
            schema.setdefault("pattern", BLANK_LINE_PATTERN if self.target.allow_blank else LINE_PATTERN)
            if not self.target.allow_blank:
                schema.setdefault("minLength", 1)
        return schema
