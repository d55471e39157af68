"""The page with the whole story of an order's money, found by any of its numbers."""

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from pgs_admin.acts import say_outage
from pgs_admin.order.colours import STATE_COLOURS
from pgs_admin.payment.finding import LONGEST_NUMBER, find_order_of
from pgs_admin.payment.story import read_story, show_sections
from pgs_admin.tables import link, show_yuan
from pgs_admin.words import show_code
from pgs_web.api.errors import OUTAGES


@require_safe
@permission_required("payment.view_payment", raise_exception=True)
def find_story(request: HttpRequest) -> HttpResponse:
    """A field for a number; a number that is known leads to the story of its order."""
    words = request.GET.get("q", "")[: LONGEST_NUMBER + 1]
    try:
        order_id = find_order_of(words) if words.strip() else None
    except OUTAGES:
        messages.error(request, say_outage())
        order_id = None
    else:
        if words.strip() and order_id is None:
            messages.warning(request, _("No order has this number, nor a payment, refund or trade of one."))
    if order_id is not None:
        return HttpResponseRedirect(reverse("back_office:story", args=[order_id]))
    return _page(request, {"words": words})


@require_safe
@permission_required("payment.view_payment", raise_exception=True)
def show_story(request: HttpRequest, order_id: int) -> HttpResponse:
    """Everything about the money of one order; an outage sends back to the search."""
    try:
        story = read_story(order_id)
    except OUTAGES:
        messages.error(request, say_outage())
        return HttpResponseRedirect(reverse("back_office:find_story"))
    if story is None:
        raise Http404
    order = story.order
    facts = [
        (_("order"), link("order_order", order.pk)),
        (_("state"), show_code(order.state, STATE_COLOURS)),
        (_("member"), link("member_member", order.member_id)),
        (_("amount"), show_yuan(order.amount_fen)),
        (_("taken"), show_yuan(story.taken_fen)),
        (_("given back"), show_yuan(story.returned_fen)),
        (_("on its way back"), show_yuan(story.promised_fen)),
        (_("held"), show_yuan(story.taken_fen - story.returned_fen)),
    ]
    context = {"words": str(order.pk), "facts": facts, "sections": show_sections(story), "is_cut": story.is_cut}
    return _page(request, context)


def _page(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    title = _("An order's money")
    return TemplateResponse(
        request, "pgs_admin/story.html", {**admin.site.each_context(request), "title": title, **context}
    )
