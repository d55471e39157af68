"""Every write and every unmasking of the back office leaves a row that says who, what, why and from where."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

from pgs_web.api.trace import current_trace_id


def actor_of(request: HttpRequest) -> str:
    """How logs of orders, groups and activities name this operator."""
    return f"operator:{request.user.pk}"


def record_act(
    request: HttpRequest, *, model: type[Model], target_id: int, act: str, reason: str = "", **facts: Any
) -> LogEntry:
    """Writes the row into `default`, also for a target on a data node. Write it before the act: an act without its row
    must not exist, a row whose act was refused says so by a second row or by the target's own log."""
    return LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(model),
        object_pk=str(target_id),
        object_id=target_id,
        object_repr=f"{model._meta.verbose_name} {target_id}"[:200],
        action=LogEntry.Action.ACCESS if act == "unmask" else LogEntry.Action.UPDATE,
        changes={},
        actor=request.user if request.user.is_authenticated else None,
        remote_addr=request.META.get("REMOTE_ADDR"),
        additional_data={"act": act, "reason": reason, "trace_id": current_trace_id(), **facts},
    )
