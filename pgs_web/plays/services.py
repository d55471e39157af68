"""What operators do with games: drain, open again, make campaigns, change their rules, close them."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils.functional import Promise

from pgs_data.clock import DatabaseNow
from pgs_web.api.errors import FieldProblem, NotFound
from pgs_web.plays.errors import BadRules, CampaignClosed, PlayMoved
from pgs_web.plays.models import Campaign, CampaignRules, PlaySwitch
from pgs_web.plays.registry import find_play
from pgs_web.plays.switches import read_switches

LONGEST_TITLE = 80

log = structlog.get_logger(__name__)


def switch_play(*, code: str, is_draining: bool, based_on: int, author: str, reason: str) -> None:
    """Lets a game drain, or opens it again; every process knows within about a second.

    `based_on` is the version that the operator looked at, 0 for a game without a row. Raises PlayMoved when it isn't
    the present one, NotFound for a game that isn't on.
    """
    if find_play(code) is None:
        raise NotFound
    told = {"changed_by": author[:80], "reason": reason[:200], "changed_at": DatabaseNow()}
    if based_on == 0:
        # Two operators at once: one row is made, the other's UPDATE below finds another version.
        PlaySwitch.objects.bulk_create([PlaySwitch(code=code, **told)], ignore_conflicts=True)
    changed = PlaySwitch.objects.filter(pk=code, version=based_on).exclude(is_draining=is_draining)
    if not changed.update(is_draining=is_draining, version=F("version") + 1, **told):
        raise PlayMoved
    log.info("play_switched", play=code, is_draining=is_draining, author=author)
    read_switches()


def create_campaign(*, code: str, title: str, rules: Mapping[str, Any], author: str, reason: str) -> Campaign:
    """A campaign with the first version of its rules; raises NotFound for a game that isn't on, BadRules."""
    checked = validate_rules(code=code, rules=rules)
    if not 0 < len(title.strip()) <= LONGEST_TITLE:
        raise BadRules(errors=[FieldProblem("title", "invalid", f"1-{LONGEST_TITLE}")])
    with transaction.atomic():
        campaign = Campaign.objects.create(code=code, title=title.strip(), created_at=DatabaseNow())
        _write_version(campaign.pk, 1, checked, author=author, reason=reason)
    return campaign


def change_rules(
    *, campaign_id: int, based_on: int, rules: Mapping[str, Any], author: str, reason: str
) -> CampaignRules:
    """The next version of a campaign's rules, for what starts from now on; what runs keeps the version it has.

    Raises PlayMoved when `based_on` isn't the present version or the campaign is closed, BadRules, NotFound.
    """
    code = Campaign.objects.filter(pk=campaign_id).values_list("code", flat=True).first()
    if code is None:
        raise NotFound
    checked = validate_rules(code=code, rules=rules)
    problems = find_change_problems(code=code, campaign_id=campaign_id, based_on=based_on, rules=checked)
    if problems:
        raise BadRules(errors=[FieldProblem(field, "invalid", str(said)) for field, said in problems.items()])
    with transaction.atomic():
        present = Campaign.objects.filter(pk=campaign_id, version=based_on, closed_at=None)
        if not present.update(version=F("version") + 1):
            raise PlayMoved
        return _write_version(campaign_id, based_on + 1, checked, author=author, reason=reason)


def close_campaign(*, campaign_id: int) -> None:
    """Nothing new starts in it, for good; raises CampaignClosed when it is closed, or not there."""
    if not Campaign.objects.filter(pk=campaign_id, closed_at=None).update(closed_at=DatabaseNow()):
        raise CampaignClosed


def validate_rules(*, code: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as the game's form understands them; raises BadRules with each field's problem, NotFound."""
    play = find_play(code)
    if play is None or play.rule_form is None:
        raise NotFound
    form = play.rule_form(dict(rules))
    if not form.is_valid():
        raise BadRules(
            errors=[
                FieldProblem(None if field == "__all__" else field, error.code or "invalid", " ".join(error.messages))
                for field, problems in form.errors.as_data().items()
                for error in problems
            ]
        )
    return dict(form.cleaned_data)


def find_change_problems(
    *, code: str, campaign_id: int, based_on: int, rules: Mapping[str, Any]
) -> Mapping[str, str | Promise]:
    """Why a campaign with the rules of version `based_on` can't go on with these, which its form has cleaned; by field.

    Raises PlayMoved for a game that isn't on, or a version that isn't there.
    """
    play = find_play(code)
    before = CampaignRules.objects.filter(campaign_id=campaign_id, version=based_on).first()
    if play is None or before is None:
        raise PlayMoved
    return play.judge_change(before=before.rules, after=rules)


def _write_version(campaign_id: int, version: int, rules: dict[str, Any], *, author: str, reason: str) -> CampaignRules:
    return CampaignRules.objects.create(
        campaign_id=campaign_id,
        version=version,
        rules=rules,
        author=author[:80],
        reason=reason[:200],
        created_at=DatabaseNow(),
    )
