"""Filters with a fixed list of values: asking a sharded table which values it has would need every node."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from pgs_admin.words import say


def make_filter(field: str, title: Any, values: Iterable[str]) -> type[SimpleListFilter]:
    """A filter for `list_filter` on a column of codes; a value that isn't in the list is ignored."""
    codes = list(values)

    class FixedFilter(SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
            return [(code, say(code)) for code in codes]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() in codes else queryset

    FixedFilter.title = title
    return FixedFilter
