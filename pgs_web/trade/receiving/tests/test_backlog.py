"""Who comes while too many orders wait to be written is told when to come back."""

import pytest

from pgs_web.trade.intake.services import BACKLOG_SECONDS
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_full_backlog_is_told_to_come_back(shoppers, buy, settings):
    settings.INTAKE_BACKLOG_CEILING = 1
    activity, (buyer,) = make_sale(stock=9, member_limit=9), shoppers(1)
    accepted = buy(buyer, activity)
    assert accepted.status_code == 202
    refused = buy(buyer, activity, key="key-2")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused["Retry-After"] == str(BACKLOG_SECONDS)
    assert buy(buyer, activity).json() == accepted.json()
