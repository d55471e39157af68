"""What operators are told of invitations: what a campaign's rules mean, and what has become of its envelope."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import ActivityState
from pgs_web.marketing.invite_new.forms import reward_of, worst_case_fen
from pgs_web.marketing.invite_new.services.counting import REWARDS, REWARDS_DUE
from pgs_web.marketing.invite_new.services.starting import PASS_LASTS
from pgs_web.marketing.invite_new.states import CODE, RewardKind
from pgs_web.plays.figures.names import COST
from pgs_web.plays.figures.selectors import read_counted
from pgs_web.plays.models import CampaignRules
from pgs_web.plays.telling import Figure, OwnFigure, PreviewLine, Unit, say_fen

OWN_FIGURES = (
    OwnFigure(name=REWARDS, title=gettext_lazy("rewards given")),
    OwnFigure(name=REWARDS_DUE, title=gettext_lazy("rewards still due"), unit=Unit.FEN),
)


def preview_rules(rules: Mapping[str, Any]) -> list[PreviewLine]:
    """Prices, seats, who may invite, times, the reward, and what it costs; one query of `default`."""
    activity = Activity.objects.filter(pk=rules["activity_id"]).first()
    if activity is None:
        return []
    reward_fen = reward_of(rules, activity)
    return [
        PreviewLine(title=_("For"), text=f"{activity.title} ({_say_sale(activity)})"),
        PreviewLine(
            title=_("Group price"),
            text=_("%(price)s instead of %(alone)s")
            % {"price": say_fen(activity.price_fen), "alone": say_fen(activity.alone_price_fen)},
        ),
        PreviewLine(title=_("A group"), text=_say_seats(activity)),
        PreviewLine(
            title=_("Who may invite"),
            text=_("members who have paid an order before") if rules["leader_has_paid"] else _("every member"),
        ),
        PreviewLine(title=_("Invitations a member"), text=str(rules["rounds_a_member"])),
        PreviewLine(title=_("Time to open the group"), text=_say_minutes(int(PASS_LASTS.total_seconds()))),
        PreviewLine(title=_("Time to fill it"), text=_say_minutes(activity.group_lasts_seconds)),
        PreviewLine(title=_("Reward of the leader"), text=_say_reward(rules, reward_fen)),
        PreviewLine(
            title=_("Rewards cost"),
            text=_("up to %(worst)s of %(envelope)s")
            % {
                "worst": say_fen(worst_case_fen(rules, activity)),
                "envelope": say_fen(rules["envelope_fen"]),
            },
        ),
        PreviewLine(title=_("A new member costs"), text=_say_each(reward_fen, activity)),
        PreviewLine(title=_("Who bears it"), text=_say_bearer(rules["reward_kind"])),
    ]


def read_figures(campaign_ids: Sequence[int]) -> dict[int, list[Figure]]:
    """Campaign → rewards that were given or are due, of its envelope; two short queries a node and one of `default`."""
    present = CampaignRules.objects.filter(campaign__in=list(campaign_ids), version=F("campaign__version"))
    rules: dict[int, dict[str, Any]] = dict(present.values_list("campaign_id", "rules"))
    counted = read_counted(code=CODE, campaign_ids=campaign_ids)
    return {
        campaign_id: [
            Figure(
                title=_("rewards of the envelope"),
                value=counted.of(campaign_id)[COST] + counted.of(campaign_id)[REWARDS_DUE],
                unit=Unit.FEN,
                of=one["envelope_fen"],
            )
        ]
        for campaign_id, one in rules.items()
    }


def _say_sale(activity: Activity) -> str:
    ends_at = date_format(timezone.localtime(activity.ends_at), "Y-m-d H:i")
    if activity.state == ActivityState.RUNNING and activity.ends_at > database_now("default"):
        return _("on sale until %(time)s") % {"time": ends_at}
    return _("not on sale now: nobody can start")


def _say_seats(activity: Activity) -> str:
    seats = {"size": activity.group_size, "new": activity.new_seats}
    if activity.new_seats == activity.group_size - 1:
        return _("%(size)d members; all but the leader have to be new") % seats
    return _("%(size)d members; besides the leader at least %(new)d of them new") % seats


def _say_minutes(seconds: int) -> str:
    return _("%(count)d min") % {"count": -(-seconds // 60)}


def _say_reward(rules: Mapping[str, Any], reward_fen: int) -> str:
    kind, amount = rules["reward_kind"], {"amount": say_fen(reward_fen)}
    if kind == RewardKind.COUPON:
        return _("a coupon of %(amount)s from an order of %(threshold)s on, for %(days)d days") % {
            **amount,
            "threshold": say_fen(rules["coupon_threshold_fen"]),
            "days": rules["coupon_days"],
        }
    if kind == RewardKind.REFUND:
        return _("%(amount)s back, once all orders of the group are shipped") % amount
    if kind == RewardKind.FREE_ORDER:
        return _("the order for free: %(amount)s back, once all orders of the group are shipped") % amount
    return _("none")


def _say_each(reward_fen: int, activity: Activity) -> str:
    return _("up to %(cost)s in rewards") % {"cost": say_fen(-(-reward_fen // max(activity.new_seats, 1)))}


def _say_bearer(kind: str) -> str:
    if kind == RewardKind.COUPON:
        return _("the merchant of the order that uses the coupon: less is paid for it")
    if kind == RewardKind.NONE:
        return _("nobody")
    return _("the merchant of the leader's order: it is refunded, and taken back in the settlement")
