"""What the member room does for others; sign-in and addresses are the API's own business."""

from pgs_web.member.services.registration import register_member
from pgs_web.member.services.sessions import block_member, unblock_member

__all__ = ["block_member", "register_member", "unblock_member"]
