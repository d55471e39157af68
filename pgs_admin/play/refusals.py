"""Helps that a game refused: how many, why, and a few of them."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pgs_data.redis.connections import RedisUnavailable
from pgs_web.api.errors import Refusal
from pgs_web.plays.eligibility.refused import (
    DAYS_SHOWN,
    KEEP_DAYS,
    RefusedCount,
    RefusedSample,
    read_refused_counts,
    read_refused_samples,
)
from pgs_web.plays.registry import find_play

COUNTS_SHOWN = 500
SAMPLES_SHOWN = 200
# So much of a blind index tells two apart.
INDEX_SHOWN = 10


@require_safe
@permission_required("plays.view_playswitch", raise_exception=True)
def show_refusals(request: HttpRequest, code: str) -> HttpResponse:
    """The refusals of the last days by campaign and reason, and the latest of each reason that were kept."""
    play = find_play(code)
    if play is None:
        raise Http404
    counts: list[RefusedCount] = []
    samples: list[RefusedSample] = []
    try:
        counts = read_refused_counts(code)
        samples = read_refused_samples(code, counts)
    except RedisUnavailable:
        messages.warning(request, _("Redis does not answer; refusals can't be shown now."))
    if len(counts) > COUNTS_SHOWN:
        messages.info(request, _("There are more rows; the newest of each kind are shown."))
    context = {
        **admin.site.each_context(request),
        "title": _("%(play)s: refused helps") % {"play": play.title},
        "play": play,
        "counts": [(one, say_refused(one.refusal)) for one in counts[:COUNTS_SHOWN]],
        "samples": [_tell(sample) for sample in samples[:SAMPLES_SHOWN]],
        "days_shown": DAYS_SHOWN,
        "keep_days": KEEP_DAYS,
    }
    return TemplateResponse(request, "pgs_admin/play_refusals.html", context)


def say_refused(code: str) -> str:
    """What the shopper was told; a code that nobody has any more, as it is."""
    kind = Refusal.kinds.get(code)
    return code if kind is None else str(kind.detail)


def _tell(sample: RefusedSample) -> dict[str, Any]:
    return {
        "sample": sample,
        "said": say_refused(sample.refusal),
        "device": sample.device[:INDEX_SHOWN],
        "address": sample.address[:INDEX_SHOWN],
    }
