"""The games' pages for a phone's browser; what they show and do beyond the first look they ask of the API."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from csp.constants import SELF
from csp.decorators import csp
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pgs_web.api.errors import OUTAGES, NotFound
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import get_activity
from pgs_web.display.product.language import choose_text
from pgs_web.display.product.serializers import picture_url
from pgs_web.plays.cards import Card
from pgs_web.plays.contract import Play
from pgs_web.plays.registry import plays_with_pages

NONE = "'none'"
# Nothing inline and nothing from elsewhere; no script may make HTML of a text.
POLICY: dict[str, list[str]] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": [NONE],
}
RETRY_SECONDS = 5

logger = structlog.get_logger(__name__)
Page = Callable[..., HttpResponse]


def _page(view: Page) -> Page:
    """For looking only, always fresh, under the policy above, and not for search engines."""

    def answer(request: HttpRequest, **arguments: Any) -> HttpResponse:
        response = view(request, **arguments)
        response["X-Robots-Tag"] = "noindex"
        return response

    return require_safe(never_cache(csp(POLICY)(answer)))  # type: ignore[return-value]


@_page
def show_own(request: HttpRequest) -> HttpResponse:
    """A member's rounds of all games; who isn't signed in can do so there. Reads nothing."""
    return render(request, "plays/own.html", {"plays": plays_with_pages()})


@_page
def show_shared(request: HttpRequest, code: str, share_code: str) -> HttpResponse:
    """What everybody with the link sees; who started it sees more once signed in. 404 for a link that isn't ours."""
    play = next((play for play in plays_with_pages() if play.code == code), None)
    if play is None:
        return render(request, "plays/gone.html", status=HTTPStatus.NOT_FOUND)
    try:
        card = play.read_shared(share_code)
        described = _describe(request, card)
    except NotFound:
        return render(request, "plays/gone.html", status=HTTPStatus.NOT_FOUND)
    except OUTAGES as error:
        logger.warning("store_unavailable", error=type(error).__name__, detail=str(error)[:200])
        return _answer_later(request, play, share_code)
    return render(request, "plays/shared.html", {"play": play, **described})


def _describe(request: HttpRequest, card: Card) -> dict[str, Any]:
    """What doesn't change while somebody looks: the product, and how the link looks in a chat."""
    told = {"card": card, "share_code": card.share_code, "link": request.build_absolute_uri(card.page)}
    activity = _find_activity(card)
    if activity is None:
        return told
    product = activity.sku.product
    picture = picture_url(product)
    # No chat shows a drawing.
    is_shown_in_chats = picture is not None and not picture.endswith(".svg")
    return {
        **told,
        "product": choose_text(product.title, product.title_en),
        "picture": picture,
        "chat_picture": request.build_absolute_uri(picture) if is_shown_in_chats else None,
    }


def _find_activity(card: Card) -> Activity | None:
    if card.activity_id is None:
        return None
    try:
        return get_activity(card.activity_id)
    except NotFound:
        # Shoppers don't see it any more; the round is told all the same.
        return None


def _answer_later(request: HttpRequest, play: Play, share_code: str) -> HttpResponse:
    """The page without its round; its script asks for that until it comes."""
    link = request.build_absolute_uri(request.path)
    shown = {"play": play, "share_code": share_code, "link": link, "is_away": True}
    response = render(request, "plays/shared.html", shown, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
