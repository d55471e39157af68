"""What a bargain is about has to be on sale: a price that nobody can buy for is no price."""

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.marketing.bargain.errors import NotOnSale


def require_on_sale(activity_id: int) -> Activity:
    """The activity, which can be bought now; two queries of `default`. Raises NotOnSale, also while it is PAUSED."""
    activity = Activity.objects.filter(pk=activity_id, state=ActivityState.RUNNING).first()
    if activity is None or activity.ends_at <= database_now("default"):
        raise NotOnSale
    return activity
