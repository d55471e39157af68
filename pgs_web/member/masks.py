"""Personal data as it may be shown to others, in lists and in the back office."""


def mask_phone(phone: str | None) -> str:
    """138****8000; short or foreign numbers keep their last two digits only."""
    if not phone:
        return ""
    if len(phone) >= 11:
        return f"{phone[:-8]}****{phone[-4:]}"
    return "*" * max(len(phone) - 2, 1) + phone[-2:]


def mask_name(name: str) -> str:
    """张*, 欧**, J***: the first character and how many follow, three at most."""
    return name[:1] + "*" * min(max(len(name) - 1, 1), 3) if name else ""


def mask_detail(detail: str) -> str:
    """The first three characters of street and number."""
    return f"{detail[:3]}****" if len(detail) > 3 else "****"


def mask_nickname(nickname: str, member_id: int) -> str:
    """How other shoppers see a member: 小*明, or a number's end when there is no nickname."""
    if not nickname:
        return f"***{member_id % 100:02d}"
    if len(nickname) < 3:
        return f"{nickname[0]}*"
    return f"{nickname[0]}*{nickname[-1]}"
