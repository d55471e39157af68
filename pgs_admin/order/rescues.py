"""Paid orders that lost their place: what their shoppers wished for, and what came of it."""

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from pgs_admin.filters import make_filter
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.story_links import show_story_link
from pgs_admin.tables import column, link_to, show_yuan
from pgs_admin.words import coloured, say
from pgs_task.rescue.models import Rescue
from pgs_task.rescue.states import RescueCause, RescueState

RESCUE_COLOURS = {
    RescueState.OPEN.value: "info",
    RescueState.TAKING.value: "info",
    RescueState.ASKING.value: "warning",
    RescueState.GIVING_BACK.value: "warning",
    RescueState.DONE.value: "success",
    RescueState.REFUSED.value: "danger",
}


@admin.register(Rescue)
class RescueAdmin(ShardedAdmin):
    """Looked at only: the clock goes on with them."""

    made_at = "created_at"
    list_display = (
        *("show_order", "show_cause", "show_wish", "show_state", "show_outcome", "show_surcharge"),
        *("decide_by", "created_at", "finished_at", "show_story"),
    )
    list_display_links = None
    list_filter = (
        make_filter("state", gettext_lazy("state"), list(RescueState)),
        make_filter("cause", gettext_lazy("cause"), list(RescueCause)),
    )
    search_fields = ("order_id",)
    search_help_text = gettext_lazy("Number of an order")

    show_order = column(gettext_lazy("order"), "order_id", link_to("order_order"))
    show_cause = column(gettext_lazy("cause"), "cause", say)

    @display(description=gettext_lazy("wish"))
    def show_wish(self, rescue: Rescue) -> str:
        return say(rescue.wish) or "-"

    show_state = column(gettext_lazy("state"), "state", coloured(RESCUE_COLOURS))

    @display(description=gettext_lazy("outcome"))
    def show_outcome(self, rescue: Rescue) -> str:
        return say(rescue.outcome) or "-"

    @display(description=gettext_lazy("surcharge"))
    def show_surcharge(self, rescue: Rescue) -> str:
        return "-" if rescue.surcharge_fen is None else show_yuan(rescue.surcharge_fen)

    show_story = column(gettext_lazy("money"), "order_id", show_story_link)
