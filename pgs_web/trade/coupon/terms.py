"""What a coupon is worth, where and when; judged before anything is issued."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from pgs_web.display.activity.rules import FIRST_YEAR, LAST_YEAR, say_years
from pgs_web.trade.coupon.models import LONGEST_CODE, LONGEST_TITLE, Mode

LARGEST_FEN = 100_000_000
# The kind of a coupon that an order takes nothing beside.
EXCLUSIVE = "exclusive"


@dataclass(frozen=True, kw_only=True)
class CouponTerms:
    """`product_id`, `activity_id` and `mode` each narrow where it can be used; [valid_from, expires_at)."""

    title: str
    amount_fen: int
    valid_from: datetime
    expires_at: datetime
    threshold_fen: int = 0
    product_id: int | None = None
    activity_id: int | None = None
    mode: str = ""
    stack_group: str = "shop"

    def columns(self) -> dict[str, Any]:
        """Column → value of a coupon or a campaign."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class PriceTerms(CouponTerms):
    """A promised price: one unit costs `price_fen`, whatever the activity asks by then; `amount_fen` only says what
    that saves today. Exclusive, and no campaign's: what it costs the shop isn't known before it is used."""

    price_fen: int
    stack_group: str = EXCLUSIVE


def validate_terms(terms: CouponTerms) -> None:
    """Raises ValidationError by field for terms that no coupon can have."""
    wrong: dict[str, str] = {}
    if not terms.title.strip() or len(terms.title) > LONGEST_TITLE:
        wrong["title"] = _("Give a title of up to %(length)d characters.") % {"length": LONGEST_TITLE}
    if not 0 < terms.amount_fen <= LARGEST_FEN:
        wrong["amount_fen"] = _("Give an amount of 1 to %(largest)d fen.") % {"largest": LARGEST_FEN}
    if not 0 <= terms.threshold_fen <= LARGEST_FEN:
        wrong["threshold_fen"] = _("Give an amount of 0 to %(largest)d fen.") % {"largest": LARGEST_FEN}
    if terms.mode not in {"", *Mode.values}:
        wrong["mode"] = _("There is no such mode.")
    if not terms.stack_group or len(terms.stack_group) > LONGEST_CODE:
        wrong["stack_group"] = _("Give a kind of up to %(length)d characters.") % {"length": LONGEST_CODE}
    for name in ("valid_from", "expires_at"):
        if not FIRST_YEAR <= getattr(terms, name).year <= LAST_YEAR:
            wrong[name] = say_years()
    if terms.expires_at <= terms.valid_from:
        wrong["expires_at"] = _("The end must be after the beginning.")
    if isinstance(terms, PriceTerms):
        wrong.update(_wrong_price(terms))
    if wrong:
        raise ValidationError(wrong)


def _wrong_price(terms: PriceTerms) -> dict[str, str]:
    """By field; a price is of one activity, and of orders whose unit price stays what it was when they were placed."""
    wrong: dict[str, str] = {}
    if not 0 < terms.price_fen <= LARGEST_FEN:
        wrong["price_fen"] = _("Give an amount of 1 to %(largest)d fen.") % {"largest": LARGEST_FEN}
    if terms.activity_id is None:
        wrong["activity_id"] = _("A promised price is for one activity.")
    if terms.mode != Mode.ALONE:
        wrong["mode"] = _("A promised price is for orders alone.")
    if terms.stack_group != EXCLUSIVE:
        wrong["stack_group"] = _("Nothing goes beside a promised price: give the kind %(kind)s.") % {"kind": EXCLUSIVE}
    return wrong
