"""Compared days of gateways and the desk of their differences."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from pgs_admin.acts import ButtonsByState, make_act
from pgs_admin.audit import actor_of
from pgs_admin.filters import make_filter
from pgs_admin.tables import ROWS_SHOWN, column, link, show_table, show_yuan
from pgs_admin.words import coloured, say, show_code
from pgs_task.statements.models import StatementDay, StatementDifference
from pgs_task.statements.services import compare_day, resolve_difference
from pgs_task.statements.states import DayState, DifferenceKind, DifferenceState

DAY_COLOURS = {
    DayState.FITS.value: "success",
    DayState.DIFFERS.value: "danger",
    DayState.EXPLAINED.value: "info",
    DayState.FAILED.value: "warning",
}
DIFFERENCE_COLOURS = {
    DifferenceState.OPEN.value: "danger",
    DifferenceState.RESOLVED.value: "success",
    DifferenceState.GONE.value: "info",
}


def _compare(request: HttpRequest, statement_id: int, values: dict[str, Any]) -> str:
    known = StatementDay.objects.get(pk=statement_id)
    statement = compare_day(gateway=known.gateway, day=known.day)
    if statement.error:
        return _("The statement could not be had: %(error)s") % {"error": statement.error}
    return _("Compared: %(state)s, %(count)d differences.") % {
        "state": say(statement.state),
        "count": statement.difference_count,
    }


def _resolve(request: HttpRequest, difference_id: int, values: dict[str, Any]) -> str:
    difference = resolve_difference(difference_id=difference_id, reason=values["reason"], actor=actor_of(request))
    return _("Worked off: %(number)s.") % {"number": difference.number}


class _ReadOnly(ButtonsByState, ModelAdmin):
    """Written by comparisons and services only."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    actions = None
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(StatementDay)
class StatementDayAdmin(_ReadOnly):
    list_display = (
        *("day", "gateway", "show_state", "show_theirs", "show_ours", "show_between", "show_open"),
        *("difference_count", "compared_at"),
    )
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(DayState)),
        make_filter("gateway", gettext_lazy("gateway"), settings.PAYMENT_GATEWAYS),
    )
    ordering = ("-day", "gateway")
    actions_detail = ["compare_again"]
    fields = (
        ("day", "gateway", "show_state"),
        "show_sums",
        ("compared_at", "tried_at", "is_uploaded"),
        "error",
        "show_differences",
    )
    readonly_fields = ("show_state", "show_sums", "show_differences")

    compare_again = make_act(
        name="compare_again",
        title=gettext_lazy("Compare again"),
        permission="statements.compare_day",
        model=StatementDay,
        deed=_compare,
        icon="sync",
        question=gettext_lazy("The statement is fetched anew. Nothing is doubled; what fits by now closes itself."),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementDay]:
        """With the number of open differences."""
        days: QuerySet[StatementDay] = super().get_queryset(request)
        return days.annotate(open_count=Count("differences", filter=Q(differences__state=DifferenceState.OPEN)))

    show_state = column(gettext_lazy("state"), "state", coloured(DAY_COLOURS))

    @display(description=gettext_lazy("their statement"))
    def show_theirs(self, statement: StatementDay) -> str:
        return show_yuan(statement.their_paid_fen - statement.their_refunded_fen)

    @display(description=gettext_lazy("our books"))
    def show_ours(self, statement: StatementDay) -> str:
        return show_yuan(statement.our_paid_fen - statement.our_refunded_fen)

    @display(description=gettext_lazy("theirs − ours"))
    def show_between(self, statement: StatementDay) -> str:
        theirs = statement.their_paid_fen - statement.their_refunded_fen
        return show_yuan(theirs - (statement.our_paid_fen - statement.our_refunded_fen))

    @display(description=gettext_lazy("still open"))
    def show_open(self, statement: Any) -> int:
        return int(statement.open_count)

    @display(description=gettext_lazy("sums"))
    def show_sums(self, statement: StatementDay) -> SafeString:
        theirs = (statement.their_paid_fen, statement.their_refunded_fen)
        ours = (statement.our_paid_fen, statement.our_refunded_fen)
        return show_table(
            ["", _("lines"), _("taken"), _("given back"), _("kept as fees")],
            [
                [
                    _("their statement"),
                    statement.their_lines,
                    *map(show_yuan, theirs),
                    show_yuan(statement.their_fee_fen),
                ],
                [_("our books"), statement.our_lines, *map(show_yuan, ours), None],
                [
                    _("theirs − ours"),
                    statement.their_lines - statement.our_lines,
                    *(show_yuan(their_fen - our_fen) for their_fen, our_fen in zip(theirs, ours, strict=True)),
                    None,
                ],
            ],
        )

    @display(description=gettext_lazy("differences"))
    def show_differences(self, statement: StatementDay) -> SafeString:
        rows = list(statement.differences.order_by("id")[: ROWS_SHOWN + 1])
        table = show_table(
            [_("number"), _("kind"), _("line"), _("payment"), _("ours"), _("theirs"), _("state"), _("reason")],
            (
                [
                    show_number(row),
                    say(row.kind),
                    say(row.line),
                    show_payment(row),
                    show_yuan(row.our_fen),
                    show_yuan(row.their_fen),
                    show_code(row.state, DIFFERENCE_COLOURS),
                    row.reason,
                ]
                for row in rows[:ROWS_SHOWN]
            ),
        )
        if len(rows) <= ROWS_SHOWN:
            return table
        return format_html("{}{}", table, _("There are more: look in the list of differences."))


@admin.register(StatementDifference)
class StatementDifferenceAdmin(_ReadOnly):
    list_display = (
        *("number", "show_state", "show_kind", "show_line", "show_day", "show_payment", "show_ours", "show_theirs"),
        *("found_at", "settled_by"),
    )
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(DifferenceState)),
        make_filter("kind", gettext_lazy("kind"), list(DifferenceKind)),
        make_filter("statement__gateway", gettext_lazy("gateway"), settings.PAYMENT_GATEWAYS),
    )
    list_select_related = ("statement",)
    search_fields = ("=number", "=payment_id")
    search_help_text = gettext_lazy("Number of a payment, a trade or a refund")
    ordering = ("-id",)
    actions_detail = ["resolve_difference"]
    fields = (
        ("number", "show_state"),
        ("show_kind", "show_line"),
        ("show_day", "show_payment"),
        ("show_ours", "show_theirs"),
        ("found_at", "settled_at", "settled_by"),
        "reason",
    )
    readonly_fields = ("show_state", "show_kind", "show_line", "show_day", "show_payment", "show_ours", "show_theirs")

    resolve_difference = make_act(
        name="resolve_difference",
        title=gettext_lazy("Work it off"),
        permission="statements.resolve_difference",
        model=StatementDifference,
        deed=_resolve,
        states={DifferenceState.OPEN},
        icon="task_alt",
        question=gettext_lazy("Say what happened and what was done about it. This moves no money."),
    )

    show_state = column(gettext_lazy("state"), "state", coloured(DIFFERENCE_COLOURS))
    show_kind = column(gettext_lazy("kind"), "kind", say)
    show_line = column(gettext_lazy("line"), "line", say)

    @display(description=gettext_lazy("day"))
    def show_day(self, difference: StatementDifference) -> SafeString:
        url = reverse("admin:statements_statementday_change", args=[difference.statement_id])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, difference.statement
        )

    @display(description=gettext_lazy("payment"))
    def show_payment(self, difference: StatementDifference) -> SafeString:
        return show_payment(difference)

    show_ours = column(gettext_lazy("ours"), "our_fen", show_yuan)
    show_theirs = column(gettext_lazy("theirs"), "their_fen", show_yuan)


def show_number(difference: StatementDifference) -> SafeString:
    """The number, which leads to the difference's own page."""
    url = reverse("admin:statements_statementdifference_change", args=[difference.pk])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, difference.number)


def show_payment(difference: StatementDifference) -> SafeString:
    """The payment, when the gateway named one that could be ours."""
    return link("payment_payment", difference.payment_id or None)
