"""What games and their campaigns have brought, and what they cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pgs_admin.acts import say_outage
from pgs_admin.play.campaigns import read_page
from pgs_admin.tables import show_yuan
from pgs_web.api.errors import OUTAGES
from pgs_web.plays.contract import Play
from pgs_web.plays.figures.models import FigureTotal
from pgs_web.plays.figures.names import BOUGHT, COST, HELPS, NEW_HELPERS, NEW_MEMBERS, RETURNED, STARTED, ending
from pgs_web.plays.figures.selectors import MOST_WAITING, CountedFigures, read_counted
from pgs_web.plays.models import Campaign
from pgs_web.plays.registry import find_play
from pgs_web.plays.telling import Figure, Unit


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """One campaign, or with `campaign` None the game, as the page shows it: cells in the order of the headers."""

    campaign: Campaign | None
    cells: Sequence[str]


@require_safe
@permission_required("plays.view_playswitch", raise_exception=True)
def show_figures(request: HttpRequest, code: str) -> HttpResponse:
    """A game's figures as a whole and by campaign: sums that were made before, not the rounds themselves."""
    play = find_play(code)
    if play is None:
        raise Http404
    try:
        page = read_page(request, code=code)
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("admin:index"))
    campaign_ids = [campaign.pk for campaign in page.campaigns]
    counted = read_counted(code=code, campaign_ids=campaign_ids)
    for alias in counted.away:
        messages.warning(
            request, _("%(node)s does not answer; its part is missing in these figures.") % {"node": alias}
        )
    read: Mapping[int, Sequence[Figure]] | None = {}
    try:
        read = play.read_figures(campaign_ids)
    except OUTAGES:
        messages.warning(request, _("What this game reads of its campaigns is not available at the moment."))
        read = None
    # As many columns as any campaign needs, in the order in which they are told first.
    titles = list(dict.fromkeys(str(figure.title) for told in (read or {}).values() for figure in told))
    context = {
        **admin.site.each_context(request),
        "title": _("%(play)s: figures") % {"play": play.title},
        "play": play,
        "page": page,
        "headers": [*_headers(play), *titles],
        "converts": _say_conversion(play),
        "rows": list(_rows(play, page.campaigns, counted, read or {}, titles)),
        "waiting": f"{MOST_WAITING}+" if counted.waiting >= MOST_WAITING else counted.waiting,
    }
    return TemplateResponse(request, "pgs_admin/play_figures.html", context)


def _headers(play: Play) -> list[str]:
    return [
        _("started"),
        _("running"),
        *(str(title) for title in play.endings.values()),
        _("helps (by new members)"),
        _("orders bought"),
        _("conversion"),
        _("refunded"),
        _("cost"),
        _("new members won"),
        _("cost a new member"),
        *(str(figure.title) for figure in play.own_figures),
    ]


def _say_conversion(play: Play) -> str:
    """What is divided by the rounds started."""
    own = {figure.name: figure.title for figure in play.own_figures}
    ended = {ending(state): title for state, title in play.endings.items()}
    return str({BOUGHT: _("orders bought"), **own, **ended}.get(play.converts_by, play.converts_by))


def _rows(
    play: Play,
    campaigns: Sequence[Campaign],
    counted: CountedFigures,
    read: Mapping[int, Sequence[Figure]],
    titles: Sequence[str],
) -> Any:
    yield FigureRow(
        campaign=None, cells=[*_cells(play, counted.of(FigureTotal.ALL_CAMPAIGNS)), *("" for _one in titles)]
    )
    for campaign in campaigns:
        told = {str(figure.title): _tell(figure) for figure in read.get(campaign.pk, ())}
        cells = [*_cells(play, counted.of(campaign.pk)), *(told.get(title, "-") for title in titles)]
        yield FigureRow(campaign=campaign, cells=cells)


def _cells(play: Play, amounts: Counter[str]) -> list[str]:
    ended = [amounts[ending(state)] for state in play.endings]
    if not play.endings:
        # A game that doesn't count its rounds: zeros would read as figures.
        helps = f"{amounts[HELPS]} ({amounts[NEW_HELPERS]})"
        return ["-", "-", helps, *["-"] * 6, *(_say(amounts[figure.name], figure.unit) for figure in play.own_figures)]
    return [
        str(amounts[STARTED]),
        str(amounts[STARTED] - sum(ended)),
        *map(str, ended),
        f"{amounts[HELPS]} ({amounts[NEW_HELPERS]})",
        str(amounts[BOUGHT]),
        say_share(amounts[play.converts_by], amounts[STARTED]),
        str(amounts[RETURNED]),
        show_yuan(amounts[COST]),
        str(amounts[NEW_MEMBERS]),
        show_yuan(amounts[COST] // amounts[NEW_MEMBERS]) if amounts[NEW_MEMBERS] > 0 else "-",
        *(_say(amounts[figure.name], figure.unit) for figure in play.own_figures),
    ]


def say_share(part: int, whole: int) -> str:
    """A share in percent with one digit; a dash of nothing."""
    return "-" if whole <= 0 else f"{100 * part / whole:.1f} %"


def _tell(figure: Figure) -> str:
    value = _say(figure.value, figure.unit)
    if figure.of is None:
        return value
    limit = _say(figure.of, figure.unit)
    return _("%(value)s of %(limit)s (%(share)s)") % {
        "value": value,
        "limit": limit,
        "share": say_share(figure.value, figure.of),
    }


def _say(amount: int, unit: Unit) -> str:
    return show_yuan(amount) if unit == Unit.FEN else str(amount)
