"""What a campaign's rules will mean, while an operator writes them."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from pgs_admin.acts import say_outage
from pgs_admin.play.forms import judge_rules, make_rule_form
from pgs_web.api.errors import OUTAGES
from pgs_web.plays.contract import Play
from pgs_web.plays.models import Campaign
from pgs_web.plays.registry import find_play


@never_cache
@require_POST
@permission_required("plays.view_playswitch", raise_exception=True)
def preview_rules(request: HttpRequest, code: str, campaign_id: int | None = None) -> JsonResponse:
    """Judges the rules that were sent and keeps nothing: `lines` of [title, text], or `errors` by the form's fields.

    Of a campaign, also as what its present rules would be changed to. An error of no field has the name "". Always
    plain text; whoever shows it must not take it for HTML.
    """
    play = find_play(code)
    if play is None or play.rule_form is None:
        raise Http404
    form = make_rule_form(play.rule_form, request.POST, None)
    try:
        campaign = None if campaign_id is None else Campaign.objects.filter(pk=campaign_id, code=code).first()
        if campaign_id is not None and campaign is None:
            raise Http404
        is_valid = judge_rules(form, code=code, campaign=campaign)
        lines = tell_lines(play, form.cleaned_data) if is_valid else []
    except OUTAGES:
        return JsonResponse({"lines": [], "errors": {"": [say_outage()]}}, status=503)
    return JsonResponse({"lines": lines, "errors": {} if is_valid else _tell_errors(form)})


def tell_lines(play: Play, rules: dict[str, Any]) -> list[tuple[str, str]]:
    """The game's preview of rules that its form has judged."""
    return [(str(line.title), line.text) for line in play.preview(rules)]


def _tell_errors(form: forms.Form) -> dict[str, list[str]]:
    return {
        "" if name == "__all__" else form.add_prefix(name): [str(error) for error in errors]
        for name, errors in form.errors.items()
    }
