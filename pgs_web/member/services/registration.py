"""Members with a username and a password."""

import re

from django.contrib.auth.hashers import make_password

from pgs_web.member.errors import UsernameTaken, UsernameUnusable
from pgs_web.member.models import Member

USERNAME = re.compile(r"[a-z][a-z0-9_.-]{2,63}")


def register_member(*, username: str, password: str, nickname: str = "", is_repeatable: bool = False) -> Member:
    """Creates a member; upper case in the name is lowered. Raises UsernameUnusable, UsernameTaken.

    With `is_repeatable` an existing member of this name is returned unchanged.
    """
    name = username.lower()
    if not USERNAME.fullmatch(name):
        raise UsernameUnusable
    # The unique index decides between two at once.
    member, is_new = Member.objects.get_or_create(
        username=name, defaults={"password": make_password(password), "nickname": nickname}
    )
    if not is_new and not is_repeatable:
        raise UsernameTaken
    return member
