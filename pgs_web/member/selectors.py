"""What others may know about members and addresses."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import structlog
from django.conf import settings
from django.db.models import QuerySet

from pgs_data.encryption import decrypt_text, encrypt_text
from pgs_data.redis.connections import RedisUnavailable, cache
from pgs_web.member import keys
from pgs_web.member.cache_break import cache_break
from pgs_web.member.masks import mask_detail, mask_name, mask_nickname, mask_phone
from pgs_web.member.models import Address, Member

SNAPSHOT_CONTEXT = "address.snapshot"
# How long "there is no such address" is believed: ids come from outside, and a new address gets one of them.
NO_OWNER_SECONDS = 2

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSnapshot:
    """An address as a parcel needs it."""

    receiver_name: str
    phone: str
    province: str
    city: str
    district: str
    detail: str

    def masked(self) -> "AddressSnapshot":
        """As it may be shown to those who don't ship the parcel."""
        return AddressSnapshot(
            receiver_name=mask_name(self.receiver_name),
            phone=mask_phone(self.phone),
            province=self.province,
            city=self.city,
            district=self.district,
            detail=mask_detail(self.detail),
        )


def has_address(*, member_id: int, address_id: int) -> bool:
    """Whether the address is there and belongs to the member; one cache read in a rush, the database after a miss.

    A removed address may count for `settings.ADDRESS_OWNER_SECONDS` more: parcels of its orders still reach it.
    """
    return find_address_owners([address_id])[address_id] == member_id


def find_address_owners(address_ids: Iterable[int]) -> dict[int, int | None]:
    """Address id → the member it belongs to, None when it isn't there; one cache read and one query at most."""
    wanted = list(dict.fromkeys(address_ids))
    owners: dict[int, int | None] = {}
    for address_id, owner in zip(wanted, recall_address_owners(wanted), strict=True):
        if owner is not None:
            owners[address_id] = int(owner) or None
    missing = [address_id for address_id in wanted if address_id not in owners]
    if missing:
        found = dict(present_addresses().filter(id__in=missing).values_list("id", "member_id"))
        remember_address_owners({address_id: found.get(address_id) for address_id in missing})
        owners.update({address_id: found.get(address_id) for address_id in missing})
    return owners


def recall_address_owners(address_ids: Sequence[int]) -> Sequence[bytes | None]:
    """What Redis remembers of each: a member id, 0 for no address, None for not known."""
    nothing = [None] * len(address_ids)
    if not address_ids or cache_break.is_on():
        return nothing
    try:
        pipeline = cache().pipeline(transaction=False)
        for address_id in address_ids:
            pipeline.get(keys.address_owner(address_id))
        return pipeline.execute()
    except RedisUnavailable as error:
        cache_break.begin()
        logger.warning("address_owners_from_database", error=type(error).__name__)
        return nothing


def remember_address_owners(owners: Mapping[int, int | None]) -> None:
    """Saves the coming order the database; losing it changes nothing."""
    if not owners or cache_break.is_on():
        return
    try:
        pipeline = cache().pipeline(transaction=False)
        for address_id, owner in owners.items():
            seconds = settings.ADDRESS_OWNER_SECONDS if owner else NO_OWNER_SECONDS
            pipeline.set(keys.address_owner(address_id), owner or 0, ex=seconds)
        pipeline.execute()
    except RedisUnavailable as error:
        cache_break.begin()
        logger.warning("address_owners_not_remembered", error=type(error).__name__)


def forget_address_owner(address_id: int) -> None:
    """After an address was removed; death before it leaves the address known for a few minutes, which harms nobody."""
    try:
        cache().delete(keys.address_owner(address_id))
    except RedisUnavailable as error:
        logger.warning("address_owner_not_forgotten", error=type(error).__name__)


def present_addresses() -> QuerySet[Address]:
    """Addresses that weren't removed."""
    return Address.objects.filter(deleted_at__isnull=True)


def get_address_snapshot(member_id: int, address_id: int) -> str | None:
    """The address as it is now, encrypted, for the order that is shipped; None when it isn't the member's."""
    return get_address_snapshots([(member_id, address_id)]).get(address_id)


def get_address_snapshots(pairs: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Address id → encrypted snapshot, for (member id, address id) pairs that belong together; one query.

    Removed addresses are included: their orders were placed before.
    """
    owners = {address_id: member_id for member_id, address_id in pairs}
    return {
        address.id: encrypt_text(json.dumps(asdict(snapshot_of(address)), ensure_ascii=False), context=SNAPSHOT_CONTEXT)
        for address in Address.objects.filter(id__in=owners)
        if owners[address.id] == address.member_id
    }


def read_address_snapshot(snapshot: str) -> AddressSnapshot:
    """What `get_address_snapshot` encrypted; raises CannotDecrypt."""
    return AddressSnapshot(**json.loads(decrypt_text(snapshot, context=SNAPSHOT_CONTEXT)))


def snapshot_of(address: Address) -> AddressSnapshot:
    return AddressSnapshot(
        receiver_name=address.receiver_name,
        phone=address.phone,
        province=address.province,
        city=address.city,
        district=address.district,
        detail=address.detail,
    )


def get_masked_names(member_ids: Iterable[int]) -> dict[int, str]:
    """Member id → how other shoppers see the member; one query, unknown ids get a name too."""
    wanted = set(member_ids)
    nicknames = dict(Member.objects.filter(id__in=wanted).values_list("id", "nickname"))
    return {member_id: mask_nickname(nicknames.get(member_id, ""), member_id) for member_id in wanted}
