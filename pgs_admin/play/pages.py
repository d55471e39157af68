"""Pages of the games' rows, made from what each game's admin.py describes: lists over all nodes, acts with audit."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin as DjangoModelAdmin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from pgs_admin.acts import ButtonsByState, make_act
from pgs_admin.audit import actor_of
from pgs_admin.sharded import ShardedAdmin
from pgs_web.plays.pages import PlayAct, PlayPage
from pgs_web.plays.registry import all_plays, pages_of


class LookOnlyAdmin(ButtonsByState, ModelAdmin):
    """Base of pages about games' rows in `default`: their services write them."""

    ordering = ("-pk",)
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def make_page(page: PlayPage) -> type[DjangoModelAdmin]:
    """Django's admin class of a page."""
    is_sharded = hasattr(page.model, "shard_field")
    attributes: dict[str, Any] = {
        "list_display": tuple(page.columns),
        "fields": tuple(page.fields),
        "search_fields": tuple(page.search if is_sharded else (f"={name}" for name in page.search)),
        "actions_detail": [act.name for act in page.acts],
        **{act.name: _make_button(page, act) for act in page.acts},
    }
    if is_sharded:
        attributes["made_at"] = page.made_at
    return type(f"{page.model.__name__}Page", (ShardedAdmin if is_sharded else LookOnlyAdmin,), attributes)


def _make_button(page: PlayPage, act: PlayAct) -> Any:
    def deed(request: HttpRequest, row_id: int, values: dict[str, Any]) -> str:
        return act.deed(row_id, actor_of(request), values["reason"])

    return make_act(
        name=act.name,
        title=act.title,
        permission=f"{page.model._meta.app_label}.{act.name}",
        model=page.model,
        deed=deed,
        question=act.question,
        states=act.states,
        is_grave=act.is_grave,
    )


for _play in all_plays():
    for _page in pages_of(_play):
        admin.site.register(_page.model, make_page(_page))
