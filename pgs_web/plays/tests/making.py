"""Players for tests of games: clients with a device each, and helpers."""

from datetime import timedelta

from django.core.signing import TimestampSigner
from rest_framework.test import APIClient

from pgs_data.clock import DatabaseNow, database_now
from pgs_web.member.models import Member
from pgs_web.member.tokens import issue_access_token
from pgs_web.plays.forgetting import KEEP, MARGIN, forget_helps
from pgs_web.plays.helping import Helper
from pgs_web.plays.models import Campaign
from pgs_web.plays.round_models import RoundModel
from pgs_web.trade.order.models import Order
from pgs_web.trade.order.tests.making import make_order


def client(member_id: int | None = 10) -> APIClient:
    """A member with a device of their own, nobody for None."""
    api = APIClient(raise_request_exception=False, headers={"Accept-Language": "en"})
    if member_id is not None:
        mark = TimestampSigner(salt="pgs.plays.device").sign(f"device-of-{member_id}")
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access_token(member_id=member_id)}", HTTP_X_DEVICE=mark)
    return api


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def forget_helps_of(campaign_id: int) -> None:
    """The campaign was closed half a year ago, and its helps are deleted."""
    Campaign.objects.filter(pk=campaign_id).update(closed_at=DatabaseNow(after=-(KEEP + 2 * MARGIN)))
    assert forget_helps()


def make_helpers(count: int, *, is_new: bool = False) -> list[int]:
    """Members far from the numbers of who start rounds in tests; those who aren't new have paid an order."""
    known = Member.objects.count()
    made = []
    for number in range(known, known + count):
        helper = Member.objects.create(pk=100_000 + number, username=f"h{number}", password="!", nickname="小明明")
        made.append(helper.pk)
        if not is_new:
            order = make_order(member_id=helper.pk)
            Order.objects.filter(pk=order.pk).update(paid_at=order.accepted_at)
    return made


def make_helper(member_id: int) -> Helper:
    """On a device of the helper's own."""
    return Helper(member_id=member_id, device=str(member_id), network="10.0.0.1")


def let_end(round_: RoundModel, *, seconds_ago: int = 1) -> None:
    """Its time is over."""
    now = database_now(round_._state.db or "default")
    type(round_).objects.filter(pk=round_.pk).update(ends_at=now - timedelta(seconds=seconds_ago))
