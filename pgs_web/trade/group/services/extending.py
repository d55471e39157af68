"""Groups that lost minutes to an incident get them back, each once, however often the job runs or dies."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import database_now
from pgs_data.messaging.outbox import OutboxDraft, append_messages
from pgs_data.sharding.slots import node_aliases
from pgs_data.sharding.transactions import node_transaction
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import FIRST_YEAR, say_years
from pgs_web.trade.group.errors import GroupChangedMeanwhile
from pgs_web.trade.group.messages import GroupTopic, describe_extension
from pgs_web.trade.group.models import DeadlineExtension, Group, GroupExtension, GroupLog
from pgs_web.trade.group.selectors import groups_of_incident
from pgs_web.trade.group.services.door import lock_groups
from pgs_web.trade.group.states import GroupState

LONGEST_INCIDENT = timedelta(days=1)
MOST_MINUTES = 24 * 60
# What was admitted before the incident's end is written down by then; a node that is away keeps the extension open.
OPEN_FOR = timedelta(minutes=10)
# In the log of a group: it goes on FORMING.
EXTENDED = "extended"


def ask_extension(
    *, from_at: datetime, to_at: datetime, minutes: int, reason: str, actor: str, activity_id: int | None = None
) -> DeadlineExtension:
    """Asks for so many minutes more for every group that is FORMING and was running in [from_at, to_at).

    Of one activity, or of all. The job does it. Raises ValidationError by field.
    """
    now = database_now("default")
    validate_extension(from_at=from_at, to_at=to_at, minutes=minutes, activity_id=activity_id, now=now)
    return DeadlineExtension.objects.create(
        from_at=from_at,
        to_at=to_at,
        activity_id=activity_id,
        minutes=minutes,
        reason=reason,
        actor=actor,
        asked_at=now,
        until=now + OPEN_FOR,
    )


def validate_extension(
    *, from_at: datetime, to_at: datetime, minutes: int, activity_id: int | None, now: datetime
) -> None:
    """Raises one ValidationError with the messages by field; `now` is the clock of `default`."""
    errors: dict[str, Any] = {}
    if from_at.year < FIRST_YEAR:
        errors["from_at"] = say_years()
    elif not timedelta() < to_at - from_at <= LONGEST_INCIDENT:
        errors["to_at"] = _("The end must be later than the beginning, by a day at most.")
    elif to_at > now:
        errors["to_at"] = _("The incident must be over.")
    if not 1 <= minutes <= MOST_MINUTES:
        errors["minutes"] = _("Give a whole number from %(smallest)d to %(largest)d.") % {
            "smallest": 1,
            "largest": MOST_MINUTES,
        }
    if activity_id is not None and not Activity.objects.filter(pk=activity_id).exists():
        errors["activity_id"] = _("There is no such activity.")
    if errors:
        raise ValidationError(errors)


def extend_due_groups(*, limit: int = 500) -> int:
    """Extends up to limit groups a node of each open extension; returns how many. What it is asked again does nothing.

    Every node is served before an outage is raised; an extension is done when no node has a group of it any more.
    """
    extended, outages = 0, []
    for extension in DeadlineExtension.objects.filter(done_at=None).order_by("pk")[:20]:
        # Extensions are rare and few: a query a node for each of them.
        found, is_seen = 0, True
        for alias in node_aliases():
            try:
                found += _extend_on_node(alias, extension, limit=limit)
            except OperationalError as error:
                outages.append(error)
                is_seen = False
        extended += found
        now = database_now("default")
        if is_seen and not found and now >= extension.until:
            DeadlineExtension.objects.filter(pk=extension.pk, done_at=None).update(done_at=now)
    if outages:
        raise outages[0]
    return extended


def _extend_on_node(alias: str, extension: DeadlineExtension, *, limit: int) -> int:
    marked = GroupExtension.objects.on_node(alias).filter(group_id=OuterRef("pk"), extension_id=extension.pk)
    running = groups_of_incident(
        alias, from_at=extension.from_at, to_at=extension.to_at, activity_id=extension.activity_id
    )
    group_ids = list(running.filter(~Exists(marked)).order_by("deadline").values_list("pk", flat=True)[:limit])
    return _extend(alias, group_ids, extension) if group_ids else 0


def _extend(alias: str, group_ids: Sequence[int], extension: DeadlineExtension) -> int:
    """Deadline, mark, log and outbox row of each group in one transaction: all of it or nothing."""
    more = timedelta(minutes=extension.minutes)
    with node_transaction(alias):
        locked, now = lock_groups(alias, group_ids), database_now(alias)
        marked = set(
            GroupExtension.objects.on_node(alias)
            .filter(group_id__in=group_ids, extension_id=extension.pk)
            .values_list("group_id", flat=True)
        )
        # Decided meanwhile, or extended by another worker.
        groups = [group for group in locked.values() if group.state == GroupState.FORMING and group.pk not in marked]
        changed = (
            Group.objects.on_node(alias)
            .filter(pk__in=[group.pk for group in groups], state=GroupState.FORMING)
            .update(deadline=F("deadline") + more, log_count=F("log_count") + 1)
        )
        if changed != len(groups):
            raise GroupChangedMeanwhile(f"{len(groups)} locked groups were FORMING on {alias}, {changed} extended.")
        GroupExtension.objects.bulk_create(
            GroupExtension(
                group_id=group.pk,
                extension_id=extension.pk,
                old_deadline=group.deadline,
                new_deadline=group.deadline + more,
                at=now,
            )
            for group in groups
        )
        GroupLog.objects.bulk_create(
            GroupLog(
                group_id=group.pk,
                sequence=group.log_count + 1,
                from_state=GroupState.FORMING,
                to_state=GroupState.FORMING,
                reason=EXTENDED,
                actor=extension.actor,
                at=now,
            )
            for group in groups
        )
        append_messages(
            OutboxDraft(
                topic=GroupTopic.EXTENDED,
                shard_key=group.pk,
                payload=describe_extension(group, deadline=group.deadline + more),
            )
            for group in groups
        )
    return len(groups)
