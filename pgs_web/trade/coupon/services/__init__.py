"""Business acts on coupons: they are issued, used, given back, withdrawn, and expire."""

from pgs_web.trade.coupon.services.campaigns import issue_campaigns, open_campaign, start_campaign, stop_campaign
from pgs_web.trade.coupon.services.issuing import (
    expire_coupons,
    forfeit_coupon,
    issue_coupon,
    issue_coupons,
    withdraw_coupon,
)
from pgs_web.trade.coupon.services.using import give_back_coupons, replace_coupons, retake_coupons

__all__ = [
    "expire_coupons",
    "forfeit_coupon",
    "give_back_coupons",
    "issue_campaigns",
    "issue_coupon",
    "issue_coupons",
    "open_campaign",
    "replace_coupons",
    "retake_coupons",
    "start_campaign",
    "stop_campaign",
    "withdraw_coupon",
]
