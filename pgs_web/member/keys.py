"""What the member room keeps in the cache Redis; all of it may be lost at any moment."""

# Sorted set: `s:<sid>` of sessions that were ended and `m:<member id>` of members that were blocked, by the unix
# milliseconds at which no access token of theirs can be alive any more; and COMPLETE, without which it says nothing.
ENDED_SESSIONS = "member:ended-sessions"
COMPLETE = "complete"


def sign_in_code(phone_index: str) -> str:
    """Hash of `digest` and `tries_left`; lives as long as the code is good."""
    return f"member:sign-in-code:{phone_index}"


def address_owner(address_id: int) -> str:
    """The id of the member whom a present address belongs to, or 0 for an address that isn't there."""
    return f"member:address-owner:{address_id}"


def ended_session(sid: str) -> str:
    return f"s:{sid}"


def blocked_member(member_id: int) -> str:
    return f"m:{member_id}"
