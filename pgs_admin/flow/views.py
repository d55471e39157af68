"""How much is on its way, and whether the promises hold."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from pgs_admin.acts import say_outage
from pgs_admin.audit import note_outcome, record_act
from pgs_admin.flow.backlogs import read_nodes, read_partitions
from pgs_data.locks import FencedLock, LockHeld
from pgs_data.messaging.models import OutboxMessage
from pgs_task.reconciliation.contract import Verdict
from pgs_task.reconciliation.runner import LOOKS, all_checks, run_checks
from pgs_web.api.errors import OUTAGES

# Longer than a run over a large shop; a process that dies in one keeps others from running for so long.
RUN_MS = 300_000


@require_safe
@permission_required("messaging.watch_flow", raise_exception=True)
def show_flow(request: HttpRequest) -> HttpResponse:
    """Orders that wait to be written, by partition, and messages that wait to be handled, by node."""
    context = {"partitions": read_partitions(), "nodes": read_nodes()}
    return _page(request, "pgs_admin/flow.html", _("Flow"), context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("messaging.check_invariants", raise_exception=True)
def show_invariants(request: HttpRequest) -> HttpResponse:
    """The promises; a POST judges them. Checks only read."""
    verdicts: list[Verdict] | None = None
    is_quiet = bool(request.POST.get("is_quiet"))
    if request.method == "POST":
        entry = record_act(request, model=OutboxMessage, target_id=None, act="check_invariants")
        try:
            with FencedLock("check_invariants_page", RUN_MS):
                verdicts = list(run_checks(only_always=not is_quiet, looks=LOOKS))
            note_outcome(entry, "done")
        except LockHeld:
            messages.warning(request, _("Somebody else runs the checks at the moment."))
        except OUTAGES:
            messages.error(request, say_outage())
    context = {
        "checks": all_checks(),
        "verdicts": verdicts,
        "broken": sum(not verdict.is_ok for verdict in verdicts or ()),
        "is_quiet": is_quiet,
    }
    return _page(request, "pgs_admin/invariants.html", _("Invariants"), context)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})
