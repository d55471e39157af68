"""Filters with a fixed list of values: asking a sharded table which values it has would need every node."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest


def make_filter(field: str, title: Any, values: Iterable[str]) -> type[SimpleListFilter]:
    """A filter for `list_filter` on one column; a value that isn't in the list is ignored."""
    choices = [(value, value) for value in values]

    class FixedFilter(SimpleListFilter):
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
            return choices

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() in dict(choices) else queryset

    FixedFilter.title = title
    return FixedFilter
