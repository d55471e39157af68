"""Members by the ten thousand, for load tests and drills."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import transaction

from pgs_web.member.models import Address, Member
from pgs_web.member.selectors import remember_address_owners
from pgs_web.member.tokens import LONGEST_ACCESS, issue_access_token

CHUNK = 2000
# Where the parcels of invented shoppers would go.
PLACE = {"province": "浙江省", "city": "杭州市", "district": "西湖区"}


@dataclass(frozen=True, slots=True)
class CreatedMember:
    """A member who can order at once; `access` is valid for a day."""

    member_id: int
    username: str
    access: str
    address_id: int


def create_members(*, count: int, prefix: str, password: str | None = None) -> Iterator[CreatedMember]:
    """Creates `prefix-1`, `prefix-2` … (going on after those that exist), each with an address.

    With `password` they can all sign in by it, else by none. Raises IntegrityError when another run uses the prefix.
    """
    # Hashed once: one argon2 hash takes longer than a whole chunk of rows.
    hashed = make_password(password)
    number = find_next_number(prefix)
    for start in range(number, number + count, CHUNK):
        numbers = range(start, min(start + CHUNK, number + count))
        # Members and addresses of a chunk or none: death leaves whole chunks, and the next run goes on after them.
        with transaction.atomic(using="default"):
            members = Member.objects.bulk_create(
                [
                    Member(username=f"{prefix}-{each}", password=hashed, nickname=f"{prefix}{each}"[:40])
                    for each in numbers
                ]
            )
            addresses = Address.objects.bulk_create(
                [invent_address(member, each) for member, each in zip(members, numbers, strict=True)]
            )
        remember_address_owners({address.id: address.member_id for address in addresses})
        for member, address in zip(members, addresses, strict=True):
            yield CreatedMember(
                member_id=member.id,
                username=str(member.username),
                access=issue_access_token(member_id=member.id, lifetime=LONGEST_ACCESS),
                address_id=address.id,
            )


def invent_address(member: Member, number: int) -> Address:
    """An unsaved address that nobody lives at, different for each number."""
    return Address(
        member=member,
        receiver_name=f"收件人{number}",
        phone=f"199{number % 10**8:08d}",
        detail=f"文三路{number % 999 + 1}号",
        is_default=True,
        **PLACE,
    )


def find_next_number(prefix: str) -> int:
    """One more than the number of the newest member of this prefix: numbers grow as ids do."""
    newest = (
        Member.objects.filter(username__regex=rf"^{prefix}-[0-9]+$")
        .filter(username__startswith=f"{prefix}-")
        .order_by("-id")
        .values_list("username", flat=True)
        .first()
    )
    return int(str(newest).rpartition("-")[2]) + 1 if newest else 1
