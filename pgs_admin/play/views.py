"""Which games there are and drain, and each game's campaigns with their rules."""

from collections.abc import Callable
from typing import Any

from auditlog.models import LogEntry
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from pgs_admin.acts import say_outage, say_refusal
from pgs_admin.audit import actor_of, note_outcome, record_act
from pgs_admin.play.campaigns import read_page
from pgs_admin.play.forms import CampaignForm, SwitchForm, judge_rules, make_rule_form
from pgs_admin.play.previews import tell_lines
from pgs_web.api.errors import OUTAGES, Refusal
from pgs_web.plays.contract import Play
from pgs_web.plays.errors import PlayMoved
from pgs_web.plays.models import Campaign, CampaignRules, PlaySwitch
from pgs_web.plays.pages import PlayPage
from pgs_web.plays.registry import all_plays, find_play, pages_of
from pgs_web.plays.services import change_rules, close_campaign, create_campaign, switch_play
from pgs_web.plays.switches import read_switches

VIEW, SWITCH, STEER = "plays.view_playswitch", "plays.switch_play", "plays.steer_campaign"
ROWS_SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(VIEW, raise_exception=True)
def show_plays(request: HttpRequest) -> HttpResponse:
    """The games; a POST lets one drain, or opens it again."""
    page = reverse("back_office:plays")
    try:
        if request.method == "POST":
            _require(request, SWITCH)
            form = SwitchForm(request.POST)
            if form.is_valid():
                _switch(request, form.cleaned_data)
            else:
                messages.error(request, _("Say why, and send it again."))
            return HttpResponseRedirect(page)
        switches = read_switches()
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **admin.site.each_context(request),
        "title": _("Games"),
        "plays": [(play, switches.get(play.code)) for play in all_plays()],
        "may_switch": request.user.has_perm(SWITCH),
    }
    return TemplateResponse(request, "pgs_admin/plays.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(VIEW, raise_exception=True)
def show_play(request: HttpRequest, code: str, campaign_id: int | None = None) -> HttpResponse:
    """A game's campaigns, and one of them or a new one with its rules; a POST makes, changes or closes it."""
    play = find_play(code)
    if play is None:
        raise Http404
    try:
        campaign = None if campaign_id is None else Campaign.objects.filter(pk=campaign_id, code=code).first()
        if campaign_id is not None and campaign is None:
            raise Http404
        rules = _rules_of(campaign)
        data = request.POST if request.method == "POST" else None
        about = CampaignForm(data, initial={"title": campaign or "", "based_on": campaign.version if campaign else 0})
        rule_form = make_rule_form(play.rule_form, data, rules[0].rules if rules else None) if play.rule_form else None
        if request.method == "POST":
            _require(request, STEER)
            if about.is_valid() and _is_good(request, play, campaign, about.cleaned_data["based_on"], rule_form):
                _steer(request, play, campaign, about.cleaned_data, getattr(rule_form, "cleaned_data", {}))
                return HttpResponseRedirect(reverse("back_office:play", args=[code]))
        preview = _preview(play, rule_form, rules)
        page = read_page(request, code=code)
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **admin.site.each_context(request),
        "title": str(play.title),
        "play": play,
        "campaign": campaign,
        "campaigns": page.campaigns,
        "page": page,
        "lists": [_list_of(page) for page in pages_of(play) if request.user.has_perm(_view_of(page))],
        "versions": [_tell_version(play, version) for version in rules[:ROWS_SHOWN]],
        "has_older_versions": len(rules) > ROWS_SHOWN,
        "preview": preview,
        "has_preview": play.overrides("preview"),
        "about": about,
        "rule_form": rule_form,
        "may_steer": request.user.has_perm(STEER),
    }
    return TemplateResponse(request, "pgs_admin/play.html", context)


def _is_good(
    request: HttpRequest, play: Play, campaign: Campaign | None, based_on: int, rule_form: forms.Form | None
) -> bool:
    """Whoever closes a campaign changes no rules; a version that isn't there is refused by who writes."""
    if rule_form is None or "close" in request.POST:
        return True
    try:
        return judge_rules(rule_form, code=play.code, campaign=campaign, based_on=based_on)
    except PlayMoved:
        return True


def _preview(play: Play, rule_form: forms.Form | None, rules: list[CampaignRules]) -> list[tuple[str, str]]:
    """Of the rules that were sent, or of the campaign's, where they still can be."""
    if play.rule_form is None or rule_form is None or (not rule_form.is_bound and not rules):
        return []
    form = rule_form if rule_form.is_bound else play.rule_form(dict(rules[0].rules))
    return tell_lines(play, form.cleaned_data) if form.is_valid() else []


def _tell_version(play: Play, version: CampaignRules) -> dict[str, Any]:
    """A version with its rules in the words of the game's form."""
    fields = {} if play.rule_form is None else play.rule_form.base_fields
    told = [(fields[name].label if name in fields else name, value) for name, value in version.rules.items()]
    return {
        **{name: getattr(version, name) for name in ("version", "author", "reason", "created_at")},
        "told_rules": told,
    }


def _switch(request: HttpRequest, values: dict[str, Any]) -> None:
    row = record_act(
        request,
        model=PlaySwitch,
        target_id=None,
        act="switch_play",
        reason=values["reason"],
        changes={f"{values['code']}.is_draining": [str(not values["is_draining"]), str(values["is_draining"])]},
    )
    _do(request, row, lambda: switch_play(**values, author=actor_of(request)))


def _steer(
    request: HttpRequest, play: Play, campaign: Campaign | None, about: dict[str, Any], rules: dict[str, Any]
) -> None:
    is_closing = "close" in request.POST and campaign is not None
    act = "close_campaign" if is_closing else "create_campaign" if campaign is None else "change_rules"
    row = record_act(
        request,
        model=Campaign,
        target_id=None if campaign is None else campaign.pk,
        act=act,
        reason=about["reason"],
        changes={} if is_closing else {"rules": ["", str(rules)[:200]]},
    )
    signed = {"author": actor_of(request), "reason": about["reason"]}

    def steer() -> object:
        if campaign is None:
            return create_campaign(code=play.code, title=about["title"], rules=rules, **signed)
        if is_closing:
            close_campaign(campaign_id=campaign.pk)
            return campaign
        return change_rules(campaign_id=campaign.pk, based_on=about["based_on"], rules=rules, **signed)

    _do(request, row, steer)


def _do(request: HttpRequest, row: LogEntry, deed: Callable[[], object]) -> None:
    """Runs a deed and tells operator and audit row how it ended."""
    try:
        made = deed()
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        note_outcome(row, f"refused: {refusal.code}")
    else:
        messages.success(request, _("Done."))
        note_outcome(row, "done", target_id=made.pk if isinstance(made, Campaign) else None)


def _rules_of(campaign: Campaign | None) -> list[CampaignRules]:
    """The newest versions of a campaign's rules, one more than is shown."""
    if campaign is None:
        return []
    return list(CampaignRules.objects.filter(campaign_id=campaign.pk).order_by("-version")[: ROWS_SHOWN + 1])


def _list_of(page: PlayPage) -> tuple[str, str]:
    """Name and address of the list of a game's rows."""
    meta = page.model._meta
    return str(meta.verbose_name_plural), reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


def _view_of(page: PlayPage) -> str:
    return f"{page.model._meta.app_label}.view_{page.model._meta.model_name}"


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
