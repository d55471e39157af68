"""What operators are told of assist groups: what a campaign's rules mean, and what is left of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.models import Activity
from pgs_web.marketing.assist.forms import worst_case_fen
from pgs_web.marketing.assist.models import StartCount, UnitCount
from pgs_web.plays.figures.names import REWARD_ORDERS
from pgs_web.plays.models import CampaignRules
from pgs_web.plays.telling import Figure, OwnFigure, PreviewLine, Unit, say_fen

# Counted with the help, and when a right to buy has come to nothing.
REWARDS, LAPSED = "rewards_fen", "lapsed"
OWN_FIGURES = (
    OwnFigure(name=LAPSED, title=gettext_lazy("not bought in time")),
    OwnFigure(name=REWARDS, title=gettext_lazy("coupons of helpers"), unit=Unit.FEN),
    # Their discounts are in the cost, the members whom they won among the new ones; no unit was bought.
    OwnFigure(name=REWARD_ORDERS, title=gettext_lazy("orders with them")),
)


def preview_rules(rules: Mapping[str, Any]) -> list[PreviewLine]:
    """Price, helpers, units, coupons, and what it costs at worst; one query of `default`."""
    activity = Activity.objects.filter(pk=rules["activity_id"]).first()
    if activity is None:
        return []
    worst_fen = worst_case_fen(dict(rules), list_price_fen=activity.alone_price_fen)
    said = _("%(price)s for an order from %(threshold)s on, for %(days)d days") % {
        "price": say_fen(rules["reward_fen"]),
        "threshold": say_fen(rules["reward_threshold_fen"]),
        "days": rules["reward_days"],
    }
    return [
        PreviewLine(title=_("For"), text=activity.title),
        PreviewLine(title=_("Price before"), text=say_fen(activity.alone_price_fen)),
        PreviewLine(title=_("Freight") if rules["is_freight"] else _("Assist price"), text=say_fen(rules["price_fen"])),
        PreviewLine(title=_("Helps needed"), text=str(rules["needed"])),
        PreviewLine(title=_("Time to help, in minutes"), text=str(rules["minutes"])),
        PreviewLine(title=_("Time to buy, in minutes"), text=str(rules["pay_minutes"])),
        PreviewLine(
            title=_("Units"),
            text=(_("%(units)d, those that aren't bought come back") if rules["returns_units"] else "%(units)d")
            % {"units": rules["units"]},
        ),
        PreviewLine(title=_("Coupon of each helper"), text=said if rules["reward_fen"] else _("none")),
        PreviewLine(
            title=_("Costs the shop"),
            text=_("up to %(worst)s of %(envelope)s")
            % {"worst": say_fen(worst_fen), "envelope": say_fen(rules["envelope_fen"])},
        ),
    ]


def read_figures(campaign_ids: Sequence[int]) -> dict[int, list[Figure]]:
    """Campaign → units that are taken of its activity, and groups that were started; three queries of `default`."""
    present = CampaignRules.objects.filter(campaign__in=list(campaign_ids), version=F("campaign__version"))
    rules: dict[int, dict[str, Any]] = dict(present.values_list("campaign_id", "rules"))
    activity_ids = {one["activity_id"] for one in rules.values()}
    taken = dict(UnitCount.objects.filter(pk__in=activity_ids).values_list("pk", "taken"))
    started = dict(StartCount.objects.filter(pk__in=list(rules)).values_list("pk", "started"))
    return {
        campaign_id: [
            Figure(title=_("units taken"), value=taken.get(one["activity_id"], 0), of=one["units"]),
            Figure(title=_("groups started"), value=started.get(campaign_id, 0), of=one["rounds"]),
        ]
        for campaign_id, one in rules.items()
    }
