"""P2: what an operator did to an order or an activity is in the audit log."""

from collections import Counter
from collections.abc import Iterator, Sequence

from auditlog.models import LogEntry
from django.db.models import Count, Model
from django.utils.translation import gettext_lazy as _

from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.spans import pages_by_span
from pgs_task.reconciliation.contract import When, make_check
from pgs_web.display.activity.models import Activity, ActivityLog
from pgs_web.trade.after_sale.models import AfterSaleLog, AfterSaleRequest
from pgs_web.trade.order.models import Order, OrderLog

ROWS_A_PAGE = 500
# The back office signs every step of an order's or activity's log with this and the operator's number.
OPERATOR = "operator:"


@make_check(
    "P2", When.ALWAYS, _("each step of an order, activity or after-sale request that an operator took has an audit row")
)
def operators_are_audited() -> Iterator[str]:
    """The audit row is written before the step, so a step that is there has one at any moment."""
    for alias in node_aliases():
        steps = OrderLog.objects.on_node(alias).filter(actor__startswith=OPERATOR)
        for page in pages_by_span(steps, size=ROWS_A_PAGE):
            yield from _unaudited(Order, [(row.order_id, row.actor) for row in page])
        # One that an operator opened was asked for on the order's page.
        steps = AfterSaleLog.objects.on_node(alias).filter(actor__startswith=OPERATOR, from_state__gt="")
        for page in pages_by_span(steps, size=ROWS_A_PAGE):
            yield from _unaudited(AfterSaleRequest, [(row.request_id, row.actor) for row in page])
    last_id = 0
    done = ActivityLog.objects.filter(actor__startswith=OPERATOR).order_by("id")
    while logs := list(done.filter(id__gt=last_id)[:ROWS_A_PAGE]):
        last_id = logs[-1].pk
        yield from _unaudited(Activity, [(row.activity_id, row.actor) for row in logs])


def _unaudited(model: type[Model], steps: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Each (id, actor) with more steps than audit rows."""
    ids = {target_id for target_id, _actor in steps}
    entries = LogEntry.objects.filter(
        content_type__app_label=model._meta.app_label, content_type__model=model._meta.model_name, object_id__in=ids
    )
    counted = entries.order_by().values_list("object_id", "actor_id").annotate(rows=Count("pk"))
    audited = {(target_id, f"{OPERATOR}{actor_id}"): rows for target_id, actor_id, rows in counted}
    for (target_id, actor), count in Counter(steps).items():
        missing = count - audited.get((target_id, actor), 0)
        if missing > 0:
            yield f"{model._meta.model_name} {target_id}: {missing} steps of {actor} without an audit row"


CHECKS = [operators_are_audited]
