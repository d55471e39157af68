"""What receiving processes say of orders by their holds alone."""

import pytest

from pgs_data.redis import replicas
from pgs_data.redis.connections import RedisUnavailable
from pgs_web.trade.intake.tests.making import admit, make_admission
from pgs_web.trade.receiving.unknown import find_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def test_an_order_is_in_once_the_replicas_have_it(settings, monkeypatch):
    activity = make_sale()
    admission = make_admission(activity)
    admit(admission)
    order = activity.pk, admission.order_id
    held = find_holds([order])[order]
    assert held is not None
    assert held.member_id == admission.member_id
    # There are none.
    settings.LEDGER_REPLICAS_AWAITED = 1
    monkeypatch.setattr(replicas, "WAIT_MS", 1)
    with pytest.raises(RedisUnavailable):
        find_holds([order])
