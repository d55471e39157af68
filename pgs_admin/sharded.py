"""Lists of rows that live on the data nodes, merged into one list; looked at here, changed by services only."""

import heapq
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from pgs_admin.acts import ButtonsByState, say_outage
from pgs_data.sharding.errors import ShardKeyMissing
from pgs_data.sharding.shard_keys import shard_field_of
from pgs_data.sharding.slots import LARGEST_ID, SLOT_SHIFT, node_aliases, slot_map
from pgs_web.api.errors import OUTAGES

# Every id before the page is read in every slot and thrown away: beyond this the operator has to narrow the search.
DEEPEST_ROW = 1_000
# An id's bits below its slot begin with the time: they sort the ids of all slots by age.
AGE_BITS = 2**SLOT_SHIFT - 1


class ShardedChangeList(ChangeList):
    """Asks each node for its newest rows and merges them; a node that is away is named, the others are shown."""

    page_num: int
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Django's hook: fills the page from all nodes, or from one when the search names a shard key."""
        self.page_num = max(1, self.page_num)
        first = (self.page_num - 1) * self.list_per_page
        last = min(first + self.list_per_page, DEEPEST_ROW)
        newest: list[tuple[Any, int, str]] = []
        rows: dict[tuple[str, int], models.Model] = {}
        count = 0
        for alias in self._nodes():
            # Unchecked: a search says "this id or this member", and the id may belong to another node.
            queryset = self.queryset.using(alias).order_by()
            try:
                # Counted up to the depth only: a full count costs the size of the shop.
                count += queryset[:DEEPEST_ROW].count()
                newest += [(age, pk, alias) for age, pk in self._newest(queryset, alias, last)]
            except OUTAGES:
                self._say_missing(request, alias)
        page = heapq.nlargest(last, newest)[first:]
        for alias in {alias for _age, _pk, alias in page}:
            wanted = [pk for _age, pk, node in page if node == alias]
            try:
                rows.update({(alias, row.pk): row for row in self.queryset.using(alias).filter(pk__in=wanted)})
            except OUTAGES:
                self._say_missing(request, alias)
        # A row may have left the filter since its id was read.
        self.result_list = [rows[alias, pk] for _age, pk, alias in page if (alias, pk) in rows]
        self.result_count = self.full_result_count = min(count, DEEPEST_ROW)
        self.show_full_result_count = False
        self.show_admin_actions = False
        self.can_show_all = False
        self.multi_page = self.result_count > self.list_per_page
        self.paginator = Paginator(range(self.result_count), self.list_per_page)

    def get_ordering(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> list[str]:
        """Newest first, always: other orders would need every row of every node."""
        return ["-pk"]

    def _newest(self, queryset: models.QuerySet[Any], alias: str, limit: int) -> list[tuple[Any, int]]:
        """(age, pk) of a node's newest rows."""
        made_at = self.model_admin.made_at
        if made_at is not None:
            # Rows numbered by their node: their numbers grow with time there, and mean nothing elsewhere.
            return list(queryset.order_by("-pk").values_list(made_at, "pk")[:limit])
        # Ids begin with the slot, so the newest of a node are the newest of each of its slots: at most 64 short
        # ranges of the primary key a page, where sorting by a time would read the whole table.
        found: list[tuple[Any, int]] = []
        for slot in (slot for slot, node in enumerate(slot_map()) if node == alias):
            ids = queryset.filter(pk__gte=slot << SLOT_SHIFT, pk__lte=(slot << SLOT_SHIFT) + AGE_BITS)
            found += [(pk & AGE_BITS, pk) for pk in ids.order_by("-pk").values_list("pk", flat=True)[:limit]]
        return found

    def _say_missing(self, request: HttpRequest, alias: str) -> None:
        messages.warning(request, _("%(node)s does not answer; its rows are missing here.") % {"node": alias})

    def _nodes(self) -> list[str]:
        try:
            return [self.queryset.db]
        except ShardKeyMissing:
            return node_aliases()


class ShardedAdmin(ButtonsByState, ModelAdmin):
    """Base of the pages about orders, groups and money: no adding, no changing, no deleting; actions call services.

    Search fields are exact: numbers that people read from a screen.
    """

    # The column with a row's time, for rows whose primary key doesn't tell it.
    made_at: str | None = None
    ordering = ("-pk",)
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    # Counting a filter's values would need every node.
    show_facets = ShowFacets.NEVER
    list_fullwidth = True
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ShardedChangeList]:
        return ShardedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> models.Model | None:
        """The row of a page of its own; None for rows that are only found through another row's id."""
        model: type[models.Model] = self.model
        has_own_page = shard_field_of(model).primary_key
        if not has_own_page or not is_id(object_id) or from_field is not None:
            return None
        row: models.Model | None = self.get_queryset(request).filter(pk=int(object_id)).first()
        return row

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The detail page, for looking only; a node that is away sends back to the list."""
        if request.method not in {"GET", "HEAD"} or object_id is None:
            # Before Django asks for the node of a model, which has several.
            raise PermissionDenied
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            response = super().changeform_view(request, object_id, form_url, extra_context)
            # Here and not later: the tables read the node while the page is rendered.
            return response.render() if isinstance(response, TemplateResponse) else response
        except OUTAGES:
            messages.error(request, say_outage())
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """All of them."""
        return [name for line in self.fields or () for name in ((line,) if isinstance(line, str) else line)]

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Exact matches of the search fields; a text that is no number finds nothing."""
        words = search_term.split()
        if not words:
            return queryset, False
        if not all(is_id(word) for word in words):
            return queryset.none(), False
        for word in words:
            wanted = models.Q()
            for name in self.search_fields:
                wanted |= models.Q(**{name: int(word)})
            queryset = queryset.filter(wanted)
        return queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def is_id(text: str) -> bool:
    """Whether what stands in an address or a search may be the id of a row on a node."""
    return text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= LARGEST_ID
