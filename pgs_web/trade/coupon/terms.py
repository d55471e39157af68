"""What a coupon is worth, where and when; judged before anything is issued."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from pgs_web.trade.coupon.models import LONGEST_CODE, LONGEST_TITLE, Mode

LARGEST_FEN = 100_000_000


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
    if terms.expires_at <= terms.valid_from:
        wrong["expires_at"] = _("The end must be after the beginning.")
    if wrong:
        raise ValidationError(wrong)
