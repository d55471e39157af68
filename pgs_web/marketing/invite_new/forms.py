"""A campaign's rules as an operator writes them; what could lose money is refused."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import read_stock_total
from pgs_web.marketing.invite_new.states import CODE, RewardKind
from pgs_web.trade.coupon.terms import LARGEST_FEN

MOST_HELPS = 1_000_000
LONGEST_DAYS = 366
LARGEST_ENVELOPE_FEN = 2**53 - 1
KINDS = (
    (RewardKind.NONE.value, gettext_lazy("nothing")),
    (RewardKind.COUPON.value, gettext_lazy("a coupon")),
    (RewardKind.REFUND.value, gettext_lazy("a part of the money back")),
    (RewardKind.FREE_ORDER.value, gettext_lazy("the order for free")),
)


class Rules(forms.Form):
    """Cleaned data is what the campaign keeps. Prices, sizes and seats for new members are the activity's."""

    activity_id = forms.IntegerField(label=gettext_lazy("activity"), min_value=1, max_value=2**63 - 1)
    leader_has_paid = forms.BooleanField(
        label=gettext_lazy("only who has paid an order before may invite"), required=False
    )
    rounds_a_member = forms.IntegerField(label=gettext_lazy("invitations a member"), min_value=1, max_value=1_000)
    reward_kind = forms.ChoiceField(label=gettext_lazy("a complete group brings its leader"), choices=KINDS)
    reward_fen = forms.IntegerField(
        label=gettext_lazy("reward (fen)"),
        min_value=0,
        max_value=LARGEST_FEN,
        help_text=gettext_lazy("Of a coupon or a part of the money; 0 otherwise."),
    )
    coupon_threshold_fen = forms.IntegerField(
        label=gettext_lazy("coupon from an order of (fen)"), min_value=0, max_value=LARGEST_FEN
    )
    coupon_days = forms.IntegerField(label=gettext_lazy("days of the coupon"), min_value=1, max_value=LONGEST_DAYS)
    envelope_fen = forms.IntegerField(
        label=gettext_lazy("rewards may come to at most (fen)"),
        min_value=0,
        max_value=LARGEST_ENVELOPE_FEN,
        help_text=gettext_lazy(
            "Money is refunded from the leader's order: its merchant's settlement is less by it. A coupon lowers what"
            " the merchant gets of the order that uses it."
        ),
    )
    joins_a_friend = forms.IntegerField(label=gettext_lazy("joins a friend and day"), min_value=1, max_value=MOST_HELPS)
    joins_a_device = forms.IntegerField(label=gettext_lazy("joins a device and day"), min_value=1, max_value=MOST_HELPS)
    joins_an_address = forms.IntegerField(
        label=gettext_lazy("joins a network address and day"), min_value=1, max_value=MOST_HELPS
    )

    def clean(self) -> dict[str, Any]:
        """The rules against each other and the activity."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        activity = Activity.objects.filter(pk=cleaned["activity_id"]).first()
        problem = _("There is no such activity.") if activity is None else find_activity_problem(activity)
        if problem:
            self.add_error("activity_id", ValidationError(problem, code="invalid"))
        elif activity is not None:
            for field, text in find_money_problems(cleaned, activity):
                self.add_error(field, ValidationError(text, code="invalid"))
        return cleaned


def find_activity_problem(activity: Activity) -> str:
    """Why no invitations can be about this activity; empty when they can."""
    if activity.play != CODE:
        return _("It isn't sold by this game: choose the game in the activity.")
    if not activity.new_seats:
        return _("Its groups keep no seats for new members.")
    if activity.guaranteed_seats:
        return _("The merchant fills seats of its groups, which would bring rewards without new members.")
    return ""


def reward_of(rules: Mapping[str, Any], activity: Activity) -> int:
    """What a complete group brings its leader, in fen, at the activity's present price.

    Money is a refund of the leader's order, which its merchant bears as any other; so is a coupon borne by the merchant
    of the order that uses it, for which less is paid. The shop itself pays neither.
    """
    kind = rules["reward_kind"]
    if kind == RewardKind.FREE_ORDER:
        return activity.price_fen
    return 0 if kind == RewardKind.NONE else int(rules["reward_fen"])


def worst_case_fen(rules: Mapping[str, Any], activity: Activity) -> int:
    """What rewards cost if every group is complete that the stock allows: each takes as many units as it has seats."""
    return read_stock_total(activity) // activity.group_size * reward_of(rules, activity)


def judge_change(*, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What a campaign may cost stays true over all versions of its rules: each group is rewarded by its own."""
    found: dict[str, str] = {}
    if after["activity_id"] != before["activity_id"]:
        found["activity_id"] = _("A campaign keeps its activity. Make another campaign for another one.")
    if after["envelope_fen"] < before["envelope_fen"]:
        found["envelope_fen"] = _("It can only grow: invitations that run keep the rewards that they were promised.")
    return found


def find_money_problems(rules: Mapping[str, Any], activity: Activity) -> list[tuple[str, str]]:
    """By field, how these rules could lose money with the activity as it is now."""
    kind, reward_fen = rules["reward_kind"], reward_of(rules, activity)
    found: list[tuple[str, str]] = []
    if kind in {RewardKind.COUPON, RewardKind.REFUND} and not reward_fen:
        found.append(("reward_fen", _("Say how much it is.")))
    if kind == RewardKind.REFUND and reward_fen > activity.price_fen:
        found.append(("reward_fen", _("The order costs only %(price)d fen.") % {"price": activity.price_fen}))
    if kind == RewardKind.COUPON and 0 < rules["coupon_threshold_fen"] <= reward_fen:
        found.append(("coupon_threshold_fen", _("It must be above what the coupon takes off.")))
    brought_fen = activity.price_fen * activity.new_seats
    if reward_fen > brought_fen:
        said = _("The new members of a group pay %(brought)d fen together: a reward must not be above it.")
        found.append(("reward_fen", said % {"brought": brought_fen}))
    worst_fen = worst_case_fen(rules, activity)
    if worst_fen > rules["envelope_fen"]:
        said = _("If every group that the stock allows is complete, rewards cost %(worst)d fen.")
        found.append(("envelope_fen", said % {"worst": worst_fen}))
    return found
