"""What the back office shows of assist groups."""

from pgs_web.marketing.assist.models import Round, StartCount, UnitClaim, UnitCount
from pgs_web.plays.pages import PlayPage

PAGES = (
    PlayPage(
        model=Round,
        columns=("id", "member_id", "title", "state", "help_count", "needed", "started_at", "ends_at"),
        fields=(
            ("id", "member_id"),
            ("campaign_id", "rules_version", "activity_id"),
            ("title", "state"),
            ("help_count", "needed"),
            ("list_price_fen", "price_fen", "is_freight"),
            ("units", "returns_units"),
            ("reward_fen", "reward_threshold_fen", "reward_days"),
            ("started_at", "ends_at", "decided_at"),
            ("buy_by", "coupon_id", "order_id"),
        ),
        search=("id", "member_id"),
    ),
    PlayPage(
        model=UnitCount, columns=("activity_id", "taken"), fields=("activity_id", "taken"), search=("activity_id",)
    ),
    PlayPage(
        model=UnitClaim,
        columns=("round_id", "activity_id", "claimed_at", "returned_at"),
        fields=("round_id", "activity_id", "claimed_at", "returned_at"),
        search=("round_id", "activity_id"),
    ),
    PlayPage(
        model=StartCount, columns=("campaign_id", "started"), fields=("campaign_id", "started"), search=("campaign_id",)
    ),
)
