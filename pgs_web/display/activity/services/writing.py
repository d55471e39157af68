"""Writing and changing an activity's rules."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from pgs_data.clock import DatabaseNow, database_now
from pgs_web.api.errors import NotFound
from pgs_web.display.activity.errors import ActivityOutdated, WrongActivityState
from pgs_web.display.activity.models import Activity, RulesVersion
from pgs_web.display.activity.rules import (
    GROUP_RULE_FIELDS,
    RULE_FIELDS,
    ActivityRules,
    change_rules,
    columns_of,
    complete_rules,
    rules_of,
    validate_rules,
)
from pgs_web.display.activity.services.door import TRIES, log_move
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.product.models import Sku

# What an edit of an approved activity can't touch: the stock is Redis's, its orders name the SKU, who may buy it is in
# processes' memory, and its groups live by their seats for new members.
FIXED_ONCE_APPROVED = frozenset({"stock_total", "play", "new_seats"})
EDITABLE = frozenset({ActivityState.DRAFT, ActivityState.SCHEDULED, ActivityState.RUNNING, ActivityState.PAUSED})


def create_activity(*, sku_id: int, rules: ActivityRules, actor: str) -> Activity:
    """A new DRAFT on a SKU with its first log row; raises ValidationError with the messages by field."""
    sku = Sku.objects.select_related("product__merchant").filter(pk=sku_id).first()
    if sku is None:
        raise ValidationError({"sku": _("There is no such SKU.")})
    rules = complete_rules(rules, sku)
    validate_rules(rules=rules, sku=sku)
    with transaction.atomic():
        activity = Activity.objects.create(sku=sku, **columns_of(rules))
        _keep_version(activity_id=activity.pk, rules_version=activity.rules_version, rules=rules)
        log_move(activity_id=activity.pk, old="", to=ActivityState.DRAFT, actor=actor, reason="")
    return activity


def update_rules(
    *, activity_id: int, changes: Mapping[str, Any], actor: str, rules_version: int | None = None
) -> Activity:
    """Change some rules, log them and raise rules_version by one; the same rules again change nothing.

    Groups that exist keep their own copy of the rules. `rules_version` is what the editor saw: ActivityOutdated when
    somebody else was first. Raises ValidationError by field, WrongActivityState.
    """
    with transaction.atomic():
        for _try in range(TRIES):
            activity = Activity.objects.select_related("sku__product__merchant").filter(pk=activity_id).first()
            if activity is None:
                raise NotFound()
            if rules_version not in (None, activity.rules_version):
                raise ActivityOutdated()
            old_rules = rules_of(activity)
            new_rules = complete_rules(change_rules(old_rules, changes), activity.sku)
            changed = {name for name in RULE_FIELDS if getattr(old_rules, name) != getattr(new_rules, name)}
            if not changed:
                return activity
            _check_editable(activity, changed)
            if new_rules.guarantee_cap_fen < activity.guarantee_used_fen:
                raise ValidationError(
                    {
                        "guarantee_cap_fen": _("Guaranteed seats have cost %(used)d fen already.")
                        % {"used": activity.guarantee_used_fen}
                    }
                )
            validate_rules(rules=new_rules, sku=activity.sku)
            columns = {name: getattr(new_rules, name) for name in changed}
            # State and version in the WHERE: the checks above were about exactly this row.
            rows = Activity.objects.filter(
                pk=activity_id,
                state=activity.state,
                rules_version=activity.rules_version,
                guarantee_used_fen__lte=new_rules.guarantee_cap_fen,
            ).update(rules_version=activity.rules_version + 1, updated_at=DatabaseNow(), **columns)
            if rows:
                _keep_version(activity_id=activity_id, rules_version=activity.rules_version + 1, rules=new_rules)
                reason = "; ".join(f"{name}: {getattr(old_rules, name)} → {columns[name]}" for name in sorted(changed))
                log_move(activity_id=activity_id, old=activity.state, to=activity.state, actor=actor, reason=reason)
                for name, value in columns.items():
                    setattr(activity, name, value)
                activity.rules_version += 1
                return activity
    raise ActivityOutdated()


def _keep_version(*, activity_id: int, rules_version: int, rules: ActivityRules) -> None:
    """Inside the caller's transaction: no group can be opened under a version that isn't written down."""
    of_groups = {name: getattr(rules, name) for name in GROUP_RULE_FIELDS}
    RulesVersion.objects.create(activity_id=activity_id, rules_version=rules_version, **of_groups)


def _check_editable(activity: Activity, changed: set[str]) -> None:
    if activity.state not in EDITABLE:
        raise WrongActivityState(
            _("The rules of an activity that is %(state)s can't be changed.") % {"state": activity.state}
        )
    if activity.state == ActivityState.DRAFT:
        return
    if changed & FIXED_ONCE_APPROVED:
        raise ValidationError({name: _("Fixed once approved.") for name in changed & FIXED_ONCE_APPROVED})
    if "starts_at" in changed and activity.starts_at <= database_now("default"):
        raise ValidationError({"starts_at": _("The activity has started: its start can't be moved.")})
