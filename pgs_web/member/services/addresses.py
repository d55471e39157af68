"""Adds, changes and removes addresses; a member has 20 at most and one default at most."""

from typing import TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from pgs_web.api.errors import NotFound
from pgs_web.member.errors import TooManyAddresses
from pgs_web.member.models import Address, Member
from pgs_web.member.selectors import forget_address_owner, present_addresses, remember_address_owners

MOST_ADDRESSES = 20


class AddressValues(TypedDict, total=False):
    """Columns of an address, checked by the serializer; `phone` has 11 digits."""

    receiver_name: str
    phone: str
    province: str
    city: str
    district: str
    detail: str
    is_default: bool


def create_address(*, member_id: int, **values: Unpack[AddressValues]) -> Address:
    """A new address; the first one is the default. Raises NotFound (no such member), TooManyAddresses."""
    with transaction.atomic(using="default"):
        lock_member(member_id)
        present = present_addresses().filter(member_id=member_id)
        count = present.count()
        if count >= MOST_ADDRESSES:
            raise TooManyAddresses
        values["is_default"] = values.get("is_default", False) or count == 0
        if values["is_default"]:
            present.filter(is_default=True).update(is_default=False)
        address = Address.objects.create(member_id=member_id, **values)
    remember_address_owners({address.id: member_id})
    return address


def change_address(*, member_id: int, address_id: int, **values: Unpack[AddressValues]) -> Address:
    """Changes what is given; orders that aren't shipped yet go to the changed address. Raises NotFound."""
    with transaction.atomic(using="default"):
        lock_member(member_id)
        present = present_addresses().filter(member_id=member_id)
        address = present.filter(id=address_id).first()
        if address is None:
            raise NotFound
        if values.get("is_default"):
            present.filter(is_default=True).exclude(id=address_id).update(is_default=False)
        for name, value in values.items():
            setattr(address, name, value)
        if values:
            address.save(update_fields=list(values))
    return address


def remove_address(*, member_id: int, address_id: int) -> None:
    """Hides the address from the member; the orders that name it keep it. Raises NotFound."""
    removed = (
        present_addresses()
        .filter(member_id=member_id, id=address_id)
        .update(deleted_at=timezone.now(), is_default=False)
    )
    if removed != 1:
        raise NotFound
    forget_address_owner(address_id)


def lock_member(member_id: int) -> None:
    """One change of a member's addresses at a time, so that counting and the one default are true; raises NotFound."""
    try:
        Member.objects.select_for_update().only("id").get(id=member_id)
    except Member.DoesNotExist as error:
        raise NotFound from error
