"""What a front page shows, each part bounded."""

from dataclasses import dataclass

from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import Moment, list_activities, read_moment, take_first
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.product.models import Product
from pgs_web.display.product.selectors import list_products

OFFERS_SHOWN = 12
SOON_SHOWN = 6
PRODUCTS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FrontPage:
    """One moment's front page."""

    moment: Moment
    running: list[Activity]
    starting_soon: list[Activity]
    new_products: list[Product]


def read_front_page() -> FrontPage:
    """At most eight queries, whatever the shop's size: each list goes along an index and ends at its limit."""
    moment = read_moment()
    running = list_activities(states={ActivityState.RUNNING}).filter(ends_at__gt=moment.now)
    soon = list_activities(states={ActivityState.SCHEDULED}).filter(starts_at__gt=moment.now)
    return FrontPage(
        moment=moment,
        running=take_first([running], order=("ends_at", "id"), limit=OFFERS_SHOWN),
        starting_soon=take_first([soon], order=("starts_at", "id"), limit=SOON_SHOWN),
        new_products=list(list_products().order_by("-id")[:PRODUCTS_SHOWN]),
    )
