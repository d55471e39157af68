"""Pages of a short list that is made anew for every answer; the cursor is a place in it."""

import re
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from pgs_web.api.pagination import PAGE_PARAMETERS, invalid_parameter, page_schema, read_page_size

Row = TypeVar("Row")
CURSOR = re.compile(r"p(0|[1-9][0-9]{0,3})")


class ListPage(BasePagination):
    """`paginate_list` cuts; the class itself is for the schema."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema, server_time={"type": "string", "format": "date-time"})

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return PAGE_PARAMETERS


def paginate_list(rows: list[Row], request: Request) -> tuple[list[Row], dict[str, str | None]]:
    """The rows of the asked page, and the links to its neighbours; raises a validation error for a made-up cursor."""
    size, start = read_page_size(request), _read_start(request)
    links = {
        "next": _link(request, start + size) if start + size < len(rows) else None,
        "previous": _link(request, max(start - size, 0)) if start > 0 else None,
    }
    return rows[start : start + size], links


def _read_start(request: Request) -> int:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return 0
    match = CURSOR.fullmatch(cursor)
    if match is None:
        raise invalid_parameter("cursor", _("Take the cursor from a page's next or previous."))
    return int(match[1])


def _link(request: Request, start: int) -> str:
    return replace_query_param(request.build_absolute_uri(), "cursor", f"p{start}")
