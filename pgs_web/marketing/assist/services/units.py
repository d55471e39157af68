"""Limited units: an assist group that succeeds takes one, a right that lapses gives it back; never more than there are.

Units are counted in `default`, groups live on their members' nodes, and the two can't commit together. So the claim
is a row of the group's own, and comes first: who dies behind it leaves a unit that only this group can use, until it
ends, which is told by a message of the same transaction. A claim that was given back is never taken again: a claimer
that comes late, of a group that is over, is refused by its row.
"""

from collections import Counter
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F

from pgs_data.clock import DatabaseNow
from pgs_data.messaging.relay import Message
from pgs_web.marketing.assist.errors import CampaignFull, RoundOver, SoldOut
from pgs_web.marketing.assist.models import Round, StartCount, UnitClaim, UnitCount


def units_left(*, activity_id: int, units: int) -> int:
    """How many of the units nobody has at the moment; one query of `default`."""
    taken = UnitCount.objects.filter(pk=activity_id).values_list("taken", flat=True).first() or 0
    return max(units - taken, 0)


def claim_unit(round_: Round) -> None:
    """Takes a unit for the group, once, however often it is called; raises SoldOut, RoundOver.

    The last thing before the node's transaction commits, under the group's lock. It is committed here: what the caller
    rolls back afterwards leaves the unit to the group's next try.
    """
    if _has_claim(round_):
        return
    UnitCount.objects.bulk_create([UnitCount(activity_id=round_.activity_id)], ignore_conflicts=True)
    try:
        with transaction.atomic():
            UnitClaim.objects.bulk_create(
                [UnitClaim(round_id=round_.pk, activity_id=round_.activity_id, claimed_at=DatabaseNow())]
            )
            _take(round_)
    except IntegrityError:
        # Somebody whose lock was lost was here meanwhile.
        if not _has_claim(round_):
            raise SoldOut from None


def return_units(messages: Sequence[Message]) -> None:
    """Gives back the units of groups that have no use of them, each once; handler of `return_unit`.

    A group without a claim gets one that was given back: a claimer who is still on the way is refused.
    """
    # The smallest number first, as whoever else returns them: no two wait in a circle.
    of = {message.payload["round_id"]: message.payload["activity_id"] for message in messages}
    now = DatabaseNow()
    tombs = [UnitClaim(round_id=key, activity_id=of[key], claimed_at=now, returned_at=now) for key in sorted(of)]
    UnitClaim.objects.bulk_create(tombs, ignore_conflicts=True)
    with transaction.atomic():
        rows = UnitClaim.objects.select_for_update().filter(pk__in=list(of), returned_at=None).order_by("pk")
        held = dict(rows.values_list("pk", "activity_id"))
        UnitClaim.objects.filter(pk__in=list(held)).update(returned_at=DatabaseNow())
        for activity_id, count in sorted(Counter(held.values()).items()):
            UnitCount.objects.filter(pk=activity_id).update(taken=F("taken") - count)


def take_start(*, campaign_id: int, most: int) -> None:
    """Counts a start of the campaign; raises CampaignFull. Dying before the group is written: one start less."""
    StartCount.objects.bulk_create([StartCount(campaign_id=campaign_id)], ignore_conflicts=True)
    if not StartCount.objects.filter(pk=campaign_id, started__lt=most).update(started=F("started") + 1):
        raise CampaignFull


def return_start(*, campaign_id: int) -> None:
    """Nothing was started after all."""
    StartCount.objects.filter(pk=campaign_id, started__gt=0).update(started=F("started") - 1)


def _has_claim(round_: Round) -> bool:
    """Whether it has a unit; raises RoundOver when it gave it back."""
    claim = UnitClaim.objects.filter(pk=round_.pk).first()
    if claim is not None and claim.returned_at is not None:
        raise RoundOver
    return claim is not None


def _take(round_: Round) -> None:
    rows = UnitCount.objects.filter(pk=round_.activity_id, taken__lt=round_.units)
    if not rows.update(taken=F("taken") + 1):
        raise SoldOut
