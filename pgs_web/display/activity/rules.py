"""An activity's rules as one value, and what makes them valid."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.states import LeaderLeaves
from pgs_web.display.product.models import Sku

LARGEST_STOCK = 100_000_000
LARGEST_GROUP = 1_000
LARGEST_MEMBER_LIMIT = 100_000
LONGEST_WINDOW = timedelta(days=366)
# Moments at the ends of the calendar can't be told in another time zone, or have nothing added to them.
FIRST_YEAR, LAST_YEAR = 2000, 2999
LONGEST_GROUP_SECONDS = 30 * 86_400
LONGEST_PAYMENT_SECONDS = 7 * 86_400
# Scripts calculate amounts as doubles, which are exact up to here.
LARGEST_AMOUNT_FEN = 2**53 - 1
LONGEST_TITLE = 120
PLAY_CODE = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Sold to everybody; an activity of any other play to who has a pass of it (docs/adr/0029).
STANDARD_PLAY = "standard"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityRules:
    """Prices in fen, window [starts_at, ends_at); an empty title and alone price are the SKU's."""

    price_fen: int
    stock_total: int
    starts_at: datetime
    ends_at: datetime
    title: str = ""
    title_en: str = ""
    play: str = STANDARD_PLAY
    alone_price_fen: int | None = None
    group_size: int = 2
    member_limit: int = 1
    group_lasts_seconds: int = 86_400
    pay_within_seconds: int = 900
    leader_leaves: str = LeaderLeaves.SUCCESSION.value
    guaranteed_seats: int = 0
    guarantee_cap_fen: int = 0
    new_seats: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRules:
    """What a version of the rules says of running groups; these values where nothing is known of a version."""

    leader_leaves: str = LeaderLeaves.SUCCESSION.value
    guaranteed_seats: int = 0


RULE_FIELDS = frozenset(field.name for field in fields(ActivityRules))
GROUP_RULE_FIELDS = frozenset(field.name for field in fields(GroupRules))
INTEGER_RANGES = {
    "price_fen": (1, LARGEST_AMOUNT_FEN),
    "alone_price_fen": (1, LARGEST_AMOUNT_FEN),
    "stock_total": (1, LARGEST_STOCK),
    "group_size": (1, LARGEST_GROUP),
    "member_limit": (1, LARGEST_MEMBER_LIMIT),
    "group_lasts_seconds": (1, LONGEST_GROUP_SECONDS),
    "pay_within_seconds": (1, LONGEST_PAYMENT_SECONDS),
    "guaranteed_seats": (0, LARGEST_GROUP - 1),
    "guarantee_cap_fen": (0, LARGEST_AMOUNT_FEN),
    "new_seats": (0, LARGEST_GROUP - 1),
}


def rules_of(activity: Activity) -> ActivityRules:
    """The rules that an activity's row holds."""
    return ActivityRules(**{name: getattr(activity, name) for name in RULE_FIELDS})


def change_rules(rules: ActivityRules, changes: Mapping[str, Any]) -> ActivityRules:
    """The rules with some fields replaced; raises ValidationError for a name that is no rule."""
    unknown = sorted(changes.keys() - RULE_FIELDS)
    if unknown:
        raise ValidationError(_("There is no rule called %(name)s.") % {"name": unknown[0]}, code="unknown_rule")
    return replace(rules, **changes)


def complete_rules(rules: ActivityRules, sku: Sku) -> ActivityRules:
    """The rules with what was left empty taken from the SKU and its product."""
    return replace(
        rules,
        title=rules.title or sku.product.title,
        title_en=rules.title_en or ("" if rules.title else sku.product.title_en),
        alone_price_fen=sku.price_fen if rules.alone_price_fen is None else rules.alone_price_fen,
    )


def columns_of(rules: ActivityRules) -> dict[str, Any]:
    """Column name → value of complete rules."""
    return asdict(rules)


def validate_rules(*, rules: ActivityRules, sku: Sku) -> None:
    """Check complete rules against each other and the SKU; raise one ValidationError with the messages by field."""
    errors: dict[str, Any] = {}
    for name, (smallest, largest) in INTEGER_RANGES.items():
        value = getattr(rules, name)
        # bool is an int in Python, and 1.0 would be stored as 1.
        if type(value) is not int or not smallest <= value <= largest:
            errors[name] = _("Give a whole number from %(smallest)d to %(largest)d.") % {
                "smallest": smallest,
                "largest": largest,
            }
    errors.update(_check_words(rules))
    errors.update(_check_window(rules))
    if not errors:
        errors.update(_check_prices(rules, sku))
        errors.update(_check_guarantee(rules))
        errors.update(_check_new_seats(rules))
    if not (sku.is_on_shelf and sku.product.is_on_shelf and sku.product.merchant.is_open):
        errors["sku"] = _("This SKU isn't for sale: put it, its product and its merchant on the shelf first.")
    if errors:
        raise ValidationError(errors)


def _check_words(rules: ActivityRules) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if not rules.title.strip():
        errors["title"] = _("Give the activity a title.")
    for name in ("title", "title_en"):
        if len(getattr(rules, name)) > LONGEST_TITLE:
            errors[name] = _("A title has at most %(longest)d characters.") % {"longest": LONGEST_TITLE}
    if not PLAY_CODE.fullmatch(rules.play):
        errors["play"] = _("A play's code has small letters, digits and underscores.")
    if rules.leader_leaves not in list(LeaderLeaves):
        errors["leader_leaves"] = _("Choose one of: %(choices)s.") % {"choices": ", ".join(LeaderLeaves)}
    return errors


def say_years() -> str:
    """What is said of a moment in no year that is served."""
    return _("Give a year from %(first)d to %(last)d.") % {"first": FIRST_YEAR, "last": LAST_YEAR}


def _check_window(rules: ActivityRules) -> dict[str, Any]:
    for name in ("starts_at", "ends_at"):
        moment = getattr(rules, name)
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            return {name: _("Give a date and time with its time zone.")}
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            return {name: say_years()}
    if rules.ends_at <= rules.starts_at:
        return {"ends_at": _("The end must be later than the start.")}
    if rules.ends_at - rules.starts_at > LONGEST_WINDOW:
        return {"ends_at": _("An activity lasts at most 366 days.")}
    return {}


def _check_guarantee(rules: ActivityRules) -> dict[str, Any]:
    if rules.guaranteed_seats >= rules.group_size:
        return {"guaranteed_seats": _("At least one seat of a group is its leader's: give a smaller number.")}
    if rules.guaranteed_seats and rules.guarantee_cap_fen < rules.price_fen:
        return {
            "guarantee_cap_fen": _("The cap must pay for one seat at least, which costs %(price)d fen.")
            % {"price": rules.price_fen}
        }
    return {}


def _check_new_seats(rules: ActivityRules) -> dict[str, Any]:
    if not rules.new_seats:
        return {}
    if rules.play == STANDARD_PLAY:
        # Whoever buys would learn after paying that the seat wasn't for them: a game tells them before.
        return {"new_seats": _("Only a game can keep seats for new members: choose one to sell it.")}
    if rules.new_seats >= rules.group_size:
        return {"new_seats": _("At least one seat of a group is its leader's: give a smaller number.")}
    if rules.leader_leaves != LeaderLeaves.CLOSE:
        return {"leader_leaves": _("A group with seats for new members ends when its leader leaves.")}
    return {}


def _check_prices(rules: ActivityRules, sku: Sku) -> dict[str, Any]:
    alone = rules.alone_price_fen or 0
    if alone > sku.price_fen:
        return {
            "alone_price_fen": _("The price without a group is above the SKU's normal price of %(price)d fen.")
            % {"price": sku.price_fen}
        }
    if rules.price_fen > alone:
        return {
            "price_fen": _("The group price is above the price without a group of %(price)d fen.") % {"price": alone}
        }
    if alone * rules.member_limit > LARGEST_AMOUNT_FEN:
        return {"member_limit": _("Price × units a member may buy is too large to be calculated exactly.")}
    return {}
