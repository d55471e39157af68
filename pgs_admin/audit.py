"""Every write and every unmasking of the back office leaves a row that says who, what, why and from where."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest

from pgs_web.api.trace import current_trace_id

LONGEST_VALUE = 200


def actor_of(request: HttpRequest) -> str:
    """How logs of orders, groups and activities name this operator."""
    return f"operator:{request.user.pk}"


def record_act(
    request: HttpRequest,
    *,
    model: type[Model],
    target_id: int | None,
    act: str,
    reason: str = "",
    changes: dict[str, list[str]] | None = None,
) -> LogEntry:
    """Writes the row into `default`, also for a target on a data node.

    Write it before the act: an act without its row must not exist. A process that dies in the act leaves a row without
    an outcome; `target_id` is None for a row that is about to be made.
    """
    actions = {
        "unmask": LogEntry.Action.ACCESS,
        "unmask_notices": LogEntry.Action.ACCESS,
        "add": LogEntry.Action.CREATE,
    }
    return LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(model),
        object_pk="" if target_id is None else str(target_id),
        object_id=target_id,
        object_repr=f"{model._meta.verbose_name} {target_id or '+'}"[:200],
        action=actions.get(act, LogEntry.Action.UPDATE),
        changes=changes or {},
        actor=request.user if request.user.is_authenticated else None,
        remote_addr=request.META.get("REMOTE_ADDR"),
        additional_data={"act": act, "reason": reason, "trace_id": current_trace_id()},
    )


def note_outcome(row: LogEntry, outcome: str, *, target_id: int | None = None) -> None:
    """Adds how the act ended: done, refused: <code>, or outage; and the id of what was made."""
    row.additional_data = {**row.additional_data, "outcome": outcome}
    if target_id is not None:
        row.object_pk, row.object_id = str(target_id), target_id
        row.object_repr = row.object_repr.replace("+", str(target_id))
    row.save(update_fields=["additional_data", "object_pk", "object_id", "object_repr"])


def changes_of(form: "ModelForm[Any]") -> dict[str, list[str]]:
    """Field → [before, after] of what a form changes; long texts are cut."""
    return {
        name: [str(form.initial.get(name, ""))[:LONGEST_VALUE], str(form.cleaned_data.get(name))[:LONGEST_VALUE]]
        for name in form.changed_data
        # A new operator's password is among the fields.
        if name in form.cleaned_data and "password" not in name
    }


def record_acts(request: HttpRequest, *, model: type[Model], target_ids: list[int], act: str) -> None:
    """The same act on many rows, in one statement; outcomes are in the rows themselves."""
    LogEntry.objects.bulk_create(
        LogEntry(
            content_type=ContentType.objects.get_for_model(model),
            object_pk=str(target_id),
            object_id=target_id,
            object_repr=f"{model._meta.verbose_name} {target_id}"[:200],
            action=LogEntry.Action.UPDATE,
            changes={},
            actor=request.user if request.user.is_authenticated else None,
            remote_addr=request.META.get("REMOTE_ADDR"),
            additional_data={"act": act, "trace_id": current_trace_id()},
        )
        for target_id in target_ids
    )
