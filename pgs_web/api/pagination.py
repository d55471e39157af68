"""Lists in pages: `?cursor=` goes on where the last page ended, `?page_size=` is 1 to 100."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import parse_qs

from django.core.exceptions import ValidationError as InvalidValue
from django.db import DataError
from django.db.models import IntegerField
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from pgs_web.api.ids import LARGEST_ID

PAGE_SIZE = 20
LARGEST_PAGE = 100
LONGEST_CURSOR = 512


class PageCursor(CursorPagination):
    """Newest first by id; a view may set `ordering` to other columns of its model, the last one unique."""

    page_size = PAGE_SIZE
    max_page_size = LARGEST_PAGE
    page_size_query_param = "page_size"
    ordering: Any = "-id"
    cursor_query_description: Any = _("Where to go on: taken from `next` or `previous` of the page before.")
    page_size_query_description: Any = _("How many results a page holds, 1 to 100.")
    # Of many rows with one position: DRF's own cut-off.
    offset_cutoff = 1000

    def get_page_size(self, request: Request) -> int:
        return read_page_size(request)

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> Any:
        self.model = queryset.model
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, InvalidValue, OverflowError, DataError) as error:
            if self.cursor_query_param not in request.query_params:
                raise
            # A position that only the query itself could judge: an annotation's, or another table's column.
            raise invalid_cursor() from error

    def decode_cursor(self, request: Request) -> Cursor | None:
        encoded = request.query_params.get(self.cursor_query_param)
        if encoded is None:
            return None
        try:
            cursor = read_cursor(encoded, offset_cutoff=self.offset_cutoff)
            if cursor.position is not None:
                self.check_position(cursor.position)
        except (ValueError, TypeError, Base64Error, InvalidValue, OverflowError) as error:
            raise invalid_cursor() from error
        return cursor

    def check_position(self, position: Any) -> None:
        """Raises when the first ordering column couldn't hold this: the database must never be asked with it."""
        if "\x00" in position:
            raise ValueError("NUL")
        column = self.ordering[0].lstrip("-")
        named = {field.name: field for field in self.model._meta.concrete_fields}
        field = self.model._meta.pk if column == "pk" else named.get(column)
        if field is None:
            return
        value = field.to_python(position)
        if isinstance(field, IntegerField) and not -LARGEST_ID <= force_integer(value) <= LARGEST_ID:
            raise ValueError("outside 64 bits")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return PAGE_PARAMETERS


def page_schema(results: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page: links to its neighbours, results, and what else every page of a list has."""
    link = {"type": "string", "nullable": True, "format": "uri"}
    properties = {"next": link, "previous": link, "results": results, **more}
    return {"type": "object", "required": list(properties), "properties": properties}


PAGE_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "cursor",
        "required": False,
        "in": "query",
        "description": PageCursor.cursor_query_description,
        "schema": {"type": "string", "maxLength": LONGEST_CURSOR},
    },
    {
        "name": "page_size",
        "required": False,
        "in": "query",
        "description": PageCursor.page_size_query_description,
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE},
    },
]


def read_cursor(encoded: str, *, offset_cutoff: int) -> Cursor:
    """What a page wrote into its next or previous; raises ValueError."""
    if len(encoded) > LONGEST_CURSOR:
        raise ValueError("too long")
    tokens = parse_qs(b64decode(encoded.encode("ascii"), validate=True).decode("ascii"), keep_blank_values=True)
    offset, reverse = int(tokens.get("o", ["0"])[0]), tokens.get("r", ["0"])[0]
    if not 0 <= offset <= offset_cutoff or reverse not in {"0", "1"}:
        raise ValueError("out of range")
    position: Any = tokens.get("p", [None])[0]
    return Cursor(offset=offset, reverse=reverse == "1", position=position)


def force_integer(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError("not an integer")
    return value


def read_page_size(request: Request) -> int:
    """`?page_size=`, 20 when absent; raises a validation error outside 1 to 100."""
    text = request.query_params.get("page_size")
    if text is None:
        return PAGE_SIZE
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_PAGE):
        raise invalid_parameter("page_size", _("Give a whole number from 1 to 100."))
    return int(text)


def invalid_cursor() -> ValidationError:
    """The 400 for a cursor that no page wrote."""
    return invalid_parameter("cursor", _("Take the cursor from a page's next or previous."))


def invalid_parameter(name: str, detail: Any) -> ValidationError:
    """The 400 for a query parameter."""
    return ValidationError({name: [ErrorDetail(detail, code="invalid")]})
