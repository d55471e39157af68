"""What the back office shows of bargains."""

from pgs_web.marketing.bargain.models import Round
from pgs_web.plays.pages import PlayPage

PAGES = (
    PlayPage(
        model=Round,
        columns=("id", "member_id", "title", "state", "cut_count", "cuts", "cut_fen", "started_at", "ends_at"),
        fields=(
            ("id", "member_id"),
            ("campaign_id", "rules_version", "activity_id"),
            ("title", "state"),
            ("list_price_fen", "floor_price_fen", "cut_fen"),
            ("cut_count", "cuts", "min_cut_fen", "new_member_cuts"),
            ("started_at", "ends_at", "decided_at"),
            ("buy_by", "coupon_id"),
            "may_buy_early",
            "commitment",
        ),
        search=("id", "member_id"),
    ),
)
