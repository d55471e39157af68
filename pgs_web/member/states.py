"""What a member's account can be."""

from enum import StrEnum


class MemberState(StrEnum):
    ACTIVE = "ACTIVE"  # 正常
    BLOCKED = "BLOCKED"  # 已封禁: can't sign in, tokens end


MOVES: dict[MemberState, frozenset[MemberState]] = {
    MemberState.ACTIVE: frozenset({MemberState.BLOCKED}),
    MemberState.BLOCKED: frozenset({MemberState.ACTIVE}),
}
