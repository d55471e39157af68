"""A coupon's states and the moves between them, and those of a campaign that issues coupons."""

from enum import StrEnum


class CouponState(StrEnum):
    ISSUED = "ISSUED"  # yours, to be used in its time
    USED = "USED"  # an order costs less by it
    EXPIRED = "EXPIRED"  # its time is over
    WITHDRAWN = "WITHDRAWN"  # taken back before it was used, by an operator or by the game that issued it


MOVES: dict[CouponState, frozenset[CouponState]] = {
    CouponState.ISSUED: frozenset({CouponState.USED, CouponState.EXPIRED, CouponState.WITHDRAWN}),
    # Given back; EXPIRED at once when its time is over by then.
    CouponState.USED: frozenset({CouponState.ISSUED, CouponState.EXPIRED}),
    # USED: its order, cancelled meanwhile, is taken up again at the price that was paid. WITHDRAWN: never any more.
    CouponState.EXPIRED: frozenset({CouponState.USED, CouponState.WITHDRAWN}),
    CouponState.WITHDRAWN: frozenset(),
}


class CampaignState(StrEnum):
    DRAFT = "DRAFT"  # written down, nothing is issued
    RUNNING = "RUNNING"  # coupons are being issued, batch by batch
    DONE = "DONE"  # everybody has theirs, or the number is reached
    STOPPED = "STOPPED"  # by an operator; what was issued stays


CAMPAIGN_MOVES: dict[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.RUNNING, CampaignState.STOPPED}),
    CampaignState.RUNNING: frozenset({CampaignState.DONE, CampaignState.STOPPED}),
    CampaignState.DONE: frozenset(),
    CampaignState.STOPPED: frozenset(),
}
