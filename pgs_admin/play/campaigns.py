"""A game's campaigns, newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from pgs_web.plays.models import Campaign

CAMPAIGNS_A_PAGE = 50
LARGEST_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class CampaignPage:
    """`older_before`: what the next page is asked for with, None on the last one; `is_older`: it isn't the first."""

    campaigns: Sequence[Campaign]
    older_before: int | None
    is_older: bool


def read_page(request: HttpRequest, *, code: str) -> CampaignPage:
    """The campaigns that the request asks for by `before`; the newest where that is no number. Raises outages."""
    before = request.GET.get("before", "")
    rows = Campaign.objects.filter(code=code).order_by("-id")
    is_older = before.isascii() and before.isdigit() and len(before) <= LARGEST_DIGITS
    if is_older:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: CAMPAIGNS_A_PAGE + 1])
    page = found[:CAMPAIGNS_A_PAGE]
    return CampaignPage(campaigns=page, older_before=page[-1].pk if len(found) > len(page) else None, is_older=is_older)
