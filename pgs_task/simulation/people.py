"""The members who play: one a customer of the file, most in households of their own, some with a coupon."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Address
from itertools import islice
from pathlib import Path

from pgs_data.clock import database_now
from pgs_task.shoppers.client import Shopper
from pgs_task.simulation.actors import Household, Person
from pgs_web.member.services.mass_creation import create_members
from pgs_web.member.tokens import LONGEST_ACCESS, issue_access_token
from pgs_web.trade.coupon.services import issue_coupons
from pgs_web.trade.coupon.terms import CouponTerms

ISSUER = "simulation"
# Every so many-th person lives with the one before: one device, one address.
SHARES_ONE_IN = 8
# Every so many-th person has a coupon from the beginning.
COUPON_ONE_IN = 4
COUPON_FEN = 300
THRESHOLD_FEN = 2_000
COUPONS_A_TIME = 500
# Addresses that are nobody's on the internet (RFC 6598).
FIRST_ADDRESS = int(IPv4Address("100.64.0.0"))
ADDRESSES = 2**22


def find_people(*, path: Path, run: str, customers: Sequence[str]) -> dict[str, Person]:
    """A member a customer, made now or by the run's earlier session, which left them in the file.

    Dies in between: members that were made stay unused, the next session makes its own.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("run") != run:
        created = create_members(count=len(customers), prefix=run)
        members = {
            customer: (member.member_id, member.address_id) for customer, member in zip(customers, created, strict=True)
        }
        known = {"run": run, "members": members}
        # A kill in the middle leaves the old file.
        written = path.with_suffix(".new")
        written.write_text(json.dumps(known))
        written.replace(path)
    # Repeatable: who has the coupon gets no second.
    give_coupons([member_id for member_id, _ in known["members"].values()], reference=run)
    # Tokens live for a day: each session signs its own.
    return settle(
        {
            customer: Shopper(
                str(member_id), issue_access_token(member_id=member_id, lifetime=LONGEST_ACCESS), str(address_id)
            )
            for customer, (member_id, address_id) in known["members"].items()
        }
    )


def settle(shoppers: Mapping[str, Shopper]) -> dict[str, Person]:
    """Gives everybody a household."""
    people: dict[str, Person] = {}
    household = None
    for place, (customer, shopper) in enumerate(shoppers.items()):
        if household is None or place % SHARES_ONE_IN:
            household = Household(str(IPv4Address(FIRST_ADDRESS + int(shopper.member_id) % ADDRESSES)))
        people[customer] = Person(shopper, household)
    return people


def give_coupons(member_ids: Iterable[int], *, reference: str) -> None:
    """A coupon for any order of ¥20 or more to some of them, once a reference."""
    now = database_now("default")
    terms = CouponTerms(
        title="Welcome",
        amount_fen=COUPON_FEN,
        threshold_fen=THRESHOLD_FEN,
        # The nodes' clocks may be behind that of `default`.
        valid_from=now - timedelta(minutes=1),
        expires_at=now + timedelta(days=7),
    )
    chosen = islice(member_ids, 0, None, COUPON_ONE_IN)
    while some := list(islice(chosen, COUPONS_A_TIME)):
        issue_coupons(issuer=ISSUER, references=dict.fromkeys(some, reference), terms=terms)
