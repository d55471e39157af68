"""Invitations are started, joined, and followed to the end of their groups; their leaders are rewarded."""

from pgs_web.marketing.invite_new.services.following import follow_groups, notice_openings
from pgs_web.marketing.invite_new.services.joining import join_round
from pgs_web.marketing.invite_new.services.rewarding import advance_rewards, let_go, undo_rewards
from pgs_web.marketing.invite_new.services.starting import start_round

__all__ = [
    "advance_rewards",
    "follow_groups",
    "join_round",
    "let_go",
    "notice_openings",
    "start_round",
    "undo_rewards",
]
