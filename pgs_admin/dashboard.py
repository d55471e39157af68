"""The first page: what needs somebody, what is on its way, what is on sale."""

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgs_admin.activity.stocks import read_live, show_short
from pgs_admin.flow.backlogs import read_nodes, read_partitions
from pgs_admin.tables import link, show_table
from pgs_admin.words import say
from pgs_data.sharding.slots import node_aliases
from pgs_task.payment.anomalies.models import Anomaly
from pgs_task.payment.anomalies.states import AnomalyState
from pgs_task.payment.models import Refund
from pgs_task.payment.states import RefundState
from pgs_task.statements.models import StatementDifference
from pgs_task.statements.states import DifferenceState
from pgs_web.api.errors import OUTAGES
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.trade.after_sale.models import AfterSaleRequest
from pgs_web.trade.after_sale.states import UNDECIDED

ACTIVITIES_SHOWN = 12
# Counted so far and no further: "100+" says enough.
LARGEST_COUNT = 100


def fill_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: adds cards and the activities on sale, as far as the operator may see them."""
    may = request.user.has_perm
    cards = []
    if may("payment.view_refund"):
        cards.append(
            _card(
                _("Refunds that somebody must decide"),
                _count_on_nodes(Refund, {RefundState.MANUAL}),
                "payment_refund",
                "state=MANUAL",
            )
        )
    if may("anomalies.view_anomaly"):
        undecided = _count_on_nodes(Anomaly, {AnomalyState.MANUAL})
        cards.append(
            _card(_("Payment anomalies that somebody must decide"), undecided, "anomalies_anomaly", "state=MANUAL")
        )
    if may("after_sale.decide_request"):
        undecided = _count_on_nodes(AfterSaleRequest, UNDECIDED)
        cards.append(
            _card(_("After-sale requests to decide"), undecided, "after_sale_aftersalerequest", "state=REQUESTED")
        )
    if may("statements.view_statementdifference"):
        open_count = StatementDifference.objects.filter(state=DifferenceState.OPEN)[:LARGEST_COUNT].count()
        page = "statements_statementdifference"
        cards.append(_card(_("Differences from the gateways' statements"), open_count, page, "state=OPEN"))
    if may("activity.view_activity"):
        waiting = Activity.objects.filter(state=ActivityState.IN_REVIEW)[:LARGEST_COUNT].count()
        cards.append(_card(_("Activities to review"), waiting, "activity_activity", "state=IN_REVIEW"))
        context["activities"] = _show_activities()
    if may("messaging.watch_flow"):
        cards += _flow_cards()
    context["cards"] = cards
    return context


def _card(title: str, count: int | None, page: str, query: str) -> dict[str, Any]:
    return {"title": title, "count": _tell(count), "url": f"{reverse(f'admin:{page}_changelist')}?{query}"}


def _tell(count: int | None) -> str:
    if count is None:
        return _("not available")
    return f"{LARGEST_COUNT}+" if count >= LARGEST_COUNT else str(count)


def _count_on_nodes(
    model: type[Refund] | type[Anomaly] | type[AfterSaleRequest], states: Collection[str]
) -> int | None:
    try:
        return sum(
            model.objects.on_node(alias).filter(state__in=states)[:LARGEST_COUNT].count() for alias in node_aliases()
        )
    except OUTAGES:
        return None


def _flow_cards() -> list[dict[str, Any]]:
    url = reverse("back_office:flow")
    partitions = read_partitions()
    orders = None if partitions is None else sum(one.orders for one in partitions)
    backlogs = [one.backlog for one in read_nodes()]
    messages = sum(one.count for one in backlogs if one) if all(backlogs) else None
    return [
        {"title": _("Orders that wait to be written"), "count": _tell(None) if orders is None else orders, "url": url},
        {"title": _("Messages on their way"), "count": _tell(None) if messages is None else messages, "url": url},
    ]


def _show_activities() -> SafeString:
    """Those on sale that end first, with their live stock."""
    on_sale = Activity.objects.filter(state__in=(ActivityState.RUNNING, ActivityState.PAUSED))
    activities = list(on_sale.order_by("ends_at", "id")[:ACTIVITIES_SHOWN])
    live = read_live(activities)
    return show_table(
        [_("activity"), _("title"), _("state"), _("stock now"), _("ends at")],
        (
            [
                link("activity_activity", activity.pk),
                activity.title,
                say(activity.state),
                _("not available") if live is None else show_short(live.get(activity.pk)),
                activity.ends_at,
            ]
            for activity in activities
        ),
    )
