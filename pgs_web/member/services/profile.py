"""Changes what members say about themselves."""

from pgs_web.member.errors import TokenNotValid
from pgs_web.member.models import Member


def change_profile(*, member_id: int, nickname: str | None = None) -> Member:
    """Changes what is given and returns the member; raises TokenNotValid when there is no such member."""
    if nickname is not None:
        Member.objects.filter(id=member_id).update(nickname=nickname)
    member = Member.objects.filter(id=member_id).first()
    if member is None:
        raise TokenNotValid
    return member
