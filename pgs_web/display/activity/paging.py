"""Pages in any order: a cursor names value and id of the last row seen, so equal values cost and lose nothing.

The conventions' PageCursor counts rows with equal values and stops at a thousand of them; activities made for a load
test all have one price.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from pgs_web.api.ids import LARGEST_ID, read_id
from pgs_web.api.pagination import LONGEST_CURSOR, PAGE_PARAMETERS, invalid_parameter, page_schema, read_page_size
from pgs_web.display.activity.selectors import take_first

ORDERINGS = ("-id", "starts_at", "-starts_at", "ends_at", "-ends_at", "price_fen", "-price_fen")
CURSOR = "cursor"
# Whether it goes forwards, the row's value in the ordering's column, its id.
Place = tuple[bool, Any, int]


class OrderedPage(BasePagination):
    """`?ordering=` is one of ORDERINGS, checked by the view; ties go by id in the same direction.

    Pages what list_by_state gives, not a single queryset.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.request = request
        self.ordering: str = getattr(view, "ordering", ORDERINGS[0])
        self.column = self.ordering.lstrip("-")
        size = read_page_size(request)
        place = self._read_place(request)
        backwards = place is not None and not place[0]
        descending = self.ordering.startswith("-") != backwards
        if place is not None:
            queryset = [part.filter(self._beyond(place, descending=descending)) for part in queryset]
        sign = "-" if descending else ""
        order = [f"{sign}id"] if self.column == "id" else [f"{sign}{self.column}", f"{sign}id"]
        rows: list[Any] = take_first(queryset, order=order, limit=size + 1)
        has_more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self.has_next = place is not None if backwards else has_more
        self.has_previous = has_more if backwards else place is not None
        self.rows = rows
        self.place = place
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_link, "previous": self.previous_link, "results": data})

    @property
    def next_link(self) -> str | None:
        return self._link(forwards=True) if self.has_next else None

    @property
    def previous_link(self) -> str | None:
        return self._link(forwards=False) if self.has_previous else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return page_schema(schema, server_time={"type": "string", "format": "date-time"})

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return PAGE_PARAMETERS

    def _beyond(self, place: Place, *, descending: bool) -> Q:
        _forwards, value, row_id = place
        side = "lt" if descending else "gt"
        if self.column == "id":
            return Q((f"id__{side}", row_id))
        return Q((f"{self.column}__{side}", value)) | Q((self.column, value), (f"id__{side}", row_id))

    def _link(self, *, forwards: bool) -> str:
        if self.rows:
            row = self.rows[-1 if forwards else 0]
            value, row_id = getattr(row, self.column), row.pk
        else:
            # Everything beyond the place has gone meanwhile: turn round where we are.
            assert self.place is not None
            _forwards, value, row_id = self.place
        text = value.isoformat() if isinstance(value, datetime) else str(value)
        words = ("f" if forwards else "b", self.ordering, text, str(row_id))
        cursor = urlsafe_b64encode("|".join(words).encode()).decode().rstrip("=")
        return replace_query_param(self.request.build_absolute_uri(), CURSOR, cursor)

    def _read_place(self, request: Request) -> Place | None:
        encoded = request.query_params.get(CURSOR)
        if encoded is None:
            return None
        try:
            return self._decode(encoded)
        except (ValueError, OverflowError, Base64Error) as error:
            raise invalid_parameter(
                CURSOR, _("Take the cursor from next or previous of a page with the same ordering.")
            ) from error

    def _decode(self, encoded: str) -> Place:
        if len(encoded) > LONGEST_CURSOR:
            raise ValueError("too long")
        padded = encoded + "=" * (-len(encoded) % 4)
        direction, ordering, text, id_text = urlsafe_b64decode(padded.encode("ascii")).decode("ascii").split("|")
        row_id = read_id(id_text)
        # A cursor of another ordering would go on at a place that means nothing in this one.
        if direction not in {"f", "b"} or ordering != self.ordering or row_id is None:
            raise ValueError("not of this list")
        return direction == "f", self._decode_value(text), row_id

    def _decode_value(self, text: str) -> datetime | int:
        if self.column.endswith("_at"):
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise ValueError("no time zone")
            # The databases store UTC, and the edges of the calendar have no room for a time zone.
            return moment.astimezone(UTC)
        if not (text.isdigit() and int(text) <= LARGEST_ID):
            raise ValueError("outside 64 bits")
        return int(text)
