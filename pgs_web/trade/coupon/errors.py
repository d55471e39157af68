"""What the coupon room refuses, as shoppers and operators see it."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from pgs_web.api.errors import Refusal
from pgs_web.trade.coupon.states import CampaignState, CouponState


class CouponNotUsable(Refusal):
    """Used, expired, withdrawn, or its time hasn't begun; nothing was changed."""

    code = "coupon_not_usable"
    status = HTTPStatus.CONFLICT
    detail = _("This coupon can't be used now. Read your coupons again.")


class CouponDoesNotFit(Refusal):
    """It is for other orders than this one."""

    code = "coupon_does_not_fit"
    status = HTTPStatus.CONFLICT
    detail = _("This coupon is not for this order.")


class CouponsDontStack(Refusal):
    code = "coupons_dont_stack"
    status = HTTPStatus.CONFLICT
    detail = _("These coupons can't be used together: an order takes one coupon of each kind.")


class NothingLeftToDiscount(Refusal):
    code = "nothing_left_to_discount"
    status = HTTPStatus.CONFLICT
    detail = _("The order costs one fen already: a further coupon would be lost for nothing.")


class WrongCampaignState(Refusal):
    """The campaign is in a state in which this can't be done; nothing was changed."""

    code = "wrong_campaign_state"
    status = HTTPStatus.CONFLICT
    detail = _("The campaign's state does not allow this.")


class SameWriter(Refusal):
    """Who wrote a campaign down can't start it."""

    code = "same_person"
    status = HTTPStatus.CONFLICT
    detail = _("You wrote this campaign yourself: somebody else has to start it.")


def refuse_coupon_state(state: str) -> CouponNotUsable:
    """A CouponNotUsable that names the state the coupon is in."""
    return CouponNotUsable(_("The coupon is %(state)s.") % {"state": CouponState(state).value})


def refuse_campaign_state(state: str) -> WrongCampaignState:
    """A WrongCampaignState that names the state the campaign is in."""
    return WrongCampaignState(
        _("The campaign is %(state)s, which does not allow this.") % {"state": CampaignState(state).value}
    )
