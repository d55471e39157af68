"""Members in the back office: masked, unless somebody says why not."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from pgs_admin.acts import ButtonsByState, make_act
from pgs_admin.filters import make_filter
from pgs_admin.tables import ROWS_SHOWN, column, show_table
from pgs_admin.words import coloured
from pgs_web.member.masks import mask_detail, mask_name, mask_phone
from pgs_web.member.models import Address, Member
from pgs_web.member.phones import index_phone, read_phone
from pgs_web.member.services.sessions import block_member, unblock_member
from pgs_web.member.states import MemberState

STATE_COLOURS = {MemberState.ACTIVE.value: "success", MemberState.BLOCKED.value: "danger"}


def _unmask(request: HttpRequest, member_id: int, values: dict[str, Any]) -> HttpResponse:
    """Answers into the dialog: messages travel in a cookie, and addresses of pages stay in histories."""
    member = Member.objects.get(pk=member_id)
    addresses = Address.objects.filter(member_id=member_id, deleted_at=None).order_by("id")[:ROWS_SHOWN]
    table = show_table(
        [_("receiver"), _("phone"), _("address")],
        ([one.receiver_name, one.phone, f"{one.province}{one.city}{one.district}{one.detail}"] for one in addresses),
    )
    response = render(request, "pgs_admin/unmasked.html", {"member": member, "addresses": table})
    response["Cache-Control"] = "no-store"
    return response


def _block(request: HttpRequest, member_id: int, values: dict[str, Any]) -> str:
    block_member(member_id=member_id)
    return _("The member is blocked and signed out everywhere.")


def _unblock(request: HttpRequest, member_id: int, values: dict[str, Any]) -> str:
    unblock_member(member_id=member_id)
    return _("The member can sign in again.")


@admin.register(Member)
class MemberAdmin(ButtonsByState, ModelAdmin):
    list_display = ("id", "username", "nickname", "show_phone", "show_state", "created_at")
    list_filter = (make_filter("state", gettext_lazy("state"), list(MemberState)),)
    search_fields = ("username",)
    search_help_text = gettext_lazy("Member number, whole phone number, or the beginning of a username")
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    actions = None
    actions_detail = ["unmask", "block", "unblock"]
    fields = (("id", "show_state"), ("username", "nickname"), ("show_phone", "created_at"), "show_addresses")
    readonly_fields = ("id", "username", "nickname", "show_phone", "show_state", "created_at", "show_addresses")

    unmask = make_act(
        name="unmask",
        title=gettext_lazy("Show personal data"),
        permission="member.unmask_member",
        model=Member,
        deed=_unmask,
        icon="visibility",
        question=gettext_lazy("Shown once. Who saw what, when and why is kept."),
    )
    block = make_act(
        name="block",
        title=gettext_lazy("Block"),
        permission="member.block_member",
        model=Member,
        deed=_block,
        icon="block",
        states={MemberState.ACTIVE},
        is_grave=True,
        question=gettext_lazy("The member is signed out everywhere and can't sign in."),
    )
    unblock = make_act(
        name="unblock",
        title=gettext_lazy("Unblock"),
        permission="member.block_member",
        model=Member,
        deed=_unblock,
        icon="lock_open",
        states={MemberState.BLOCKED},
    )

    @display(description=gettext_lazy("phone"))
    def show_phone(self, member: Member) -> str:
        return mask_phone(member.phone)

    show_state = column(gettext_lazy("state"), "state", coloured(STATE_COLOURS))

    @display(description=gettext_lazy("addresses"))
    def show_addresses(self, member: Member) -> SafeString:
        rows = member.addresses.filter(deleted_at=None).order_by("id")[:ROWS_SHOWN]
        return show_table(
            [_("address"), _("receiver"), _("phone"), _("place"), _("street")],
            (
                [
                    row.pk,
                    mask_name(row.receiver_name),
                    mask_phone(row.phone),
                    f"{row.province}{row.city}{row.district}",
                    mask_detail(row.detail),
                ]
                for row in rows
            ),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        """By what an index can find: a number, a whole phone number, the beginning of a username."""
        word = search_term.strip()
        if not word:
            return queryset, False
        phone = read_phone(word)
        if phone is not None:
            return queryset.filter(phone_index=index_phone(phone)), False
        if word.isascii() and word.isdigit():
            return (queryset.filter(pk=int(word)) if len(word) < 19 else queryset.none()), False
        return queryset.filter(username__startswith=word.lower()), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        return False
