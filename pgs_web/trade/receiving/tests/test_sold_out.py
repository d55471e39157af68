"""A sold-out activity is refused from memory: without Redis, until something is given back, and never a repetition."""

import asyncio
import time

import pytest

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.trade.receiving import news as news_module
from pgs_web.trade.receiving import sold_out as sold_out_module
from pgs_web.trade.stock.keys import news_key, stock_key
from pgs_web.trade.stock.messages import SettleMovement
from pgs_web.trade.stock.sales import pause_sale
from pgs_web.trade.stock.services import Settlement, settle_holds
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")


def code(response):
    return response.json().get("code", response.status_code)


def scripts_run():
    return ledger().info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]


@pytest.fixture
def memory(api):
    return api.service.reception.desk.sold_out


@pytest.fixture
def sold_out(shoppers, buy, memory):
    """(activity, who got the only unit, their order id, two others), remembered as sold out."""
    activity = make_sale(stock=1, member_limit=3)
    buyer, *others = shoppers(3)
    order_id = buy(buyer, activity).json()["order_id"]
    assert code(buy(others[0], activity)) == "sold_out"
    wait_until(lambda: activity.pk in memory._sales)
    return activity, buyer, int(order_id), others


def wait_until(happens, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def test_it_is_refused_without_redis(sold_out, buy):
    activity, _buyer, _order_id, others = sold_out
    before = scripts_run()
    for number in range(5):
        for other in others:
            assert code(buy(other, activity, key=f"k{number}", group_id="123")) == "sold_out"
    assert scripts_run() == before


def test_the_repetition_of_an_order_that_is_in_gets_its_answer(sold_out, buy):
    activity, buyer, order_id, _others = sold_out
    again = buy(buyer, activity)
    assert (again.status_code, again.json()["order_id"]) == (202, str(order_id))
    # And somebody who bought is judged by the script.
    assert code(buy(buyer, activity, key="another")) == "sold_out"


def test_a_key_that_is_another_orders_is_refused_either_way(sold_out, buy, memory):
    """Memory knows no keys, and asking for them would be the call that it saves."""
    activity, _buyer, order_id, others = sold_out
    elsewhere = make_sale(stock=5)
    first = buy(others[1], elsewhere, key="used")
    assert first.status_code == 202
    assert code(buy(others[1], activity, key="used")) == "sold_out"
    settle_holds(settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)])
    wait_until(lambda: activity.pk not in memory._sales)
    assert code(buy(others[1], activity, key="used")) == "idempotency_key_reused"
    assert buy(others[1], elsewhere, key="used").json() == first.json()


def test_what_is_given_back_can_be_bought_at_once(sold_out, buy, memory):
    activity, buyer, order_id, others = sold_out
    settle_holds(settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)])
    wait_until(lambda: buy(others[1], activity).status_code == 202)
    # Who gave back isn't forgotten as a buyer: their old order's repetition is answered by the script.
    wait_until(lambda: code(buy(others[0], activity)) == "sold_out" and activity.pk in memory._sales)
    assert buy(buyer, activity).json()["order_id"] == str(order_id)


def test_a_change_of_the_sale_is_news(sold_out, buy):
    activity, _buyer, _order_id, others = sold_out
    pause_sale(activity_id=activity.pk, actor="test")
    wait_until(lambda: code(buy(others[0], activity)) == "paused")


def test_more_than_a_member_may_have_is_for_the_script(sold_out, buy):
    activity, _buyer, _order_id, others = sold_out
    assert code(buy(others[0], activity, key="four", quantity=4)) == "limit_exceeded"


def test_without_fresh_news_the_script_is_asked(sold_out, buy, memory):
    activity, _buyer, _order_id, others = sold_out
    memory.news.close()
    time.sleep(news_module.FRESH_SECONDS)
    before = scripts_run()
    assert code(buy(others[1], activity, key="stale")) == "sold_out"
    assert scripts_run() > before


def test_deaf_to_the_news_it_would_go_on_refusing(sold_out, buy, memory, monkeypatch):
    """The control: with the news unread and believed fresh, what came back isn't sold."""
    activity, _buyer, order_id, others = sold_out
    monkeypatch.setattr(memory.news, "_on_news", lambda activity_id: None)
    settle_holds(settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)])
    time.sleep(4 * news_module.POLL_SECONDS)
    assert code(buy(others[1], activity)) == "sold_out"


def test_a_look_that_is_overtaken_by_news_remembers_nothing(shoppers, buy, memory, monkeypatch):
    activity = make_sale(stock=1)
    buyer, other = shoppers(2)
    order_id = int(buy(buyer, activity).json()["order_id"])
    read = memory._read

    async def read_then_lose(activity_id):
        sale = await read(activity_id)
        settle_holds(
            settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)]
        )
        return sale

    monkeypatch.setattr(memory, "_read", read_then_lose)
    assert code(buy(other, activity)) == "sold_out"
    wait_until(lambda: not memory._looks)
    assert activity.pk not in memory._sales
    assert buy(other, activity).status_code == 202


def test_one_look_at_a_time_however_long_it_takes(shoppers, buy, memory, monkeypatch):
    """A second one would begin the count of changes anew: what came back during the first would stay sold out."""
    activity = make_sale(stock=1)
    buyer, *others = shoppers(3)
    order_id = int(buy(buyer, activity).json()["order_id"])
    read, looks, goes_on = memory._read, [], asyncio.Event()

    async def read_slowly(activity_id):
        sale = await read(activity_id)
        looks.append(activity_id)
        await goes_on.wait()
        return sale

    monkeypatch.setattr(memory, "_read", read_slowly)
    assert code(buy(others[0], activity)) == "sold_out"
    wait_until(lambda: looks)
    settle_holds(settlements=[Settlement(activity_id=activity.pk, order_id=order_id, movement=SettleMovement.RELEASE)])
    wait_until(lambda: memory._changes.get(activity.pk))
    memory._pauses.clear()
    memory_loop = next(iter(memory._looks.values())).get_loop()
    memory_loop.call_soon_threadsafe(memory.suspect, activity.pk)
    memory_loop.call_soon_threadsafe(goes_on.set)
    wait_until(lambda: not memory._looks)
    assert (looks, memory._sales) == ([activity.pk], {})
    assert buy(others[1], activity).status_code == 202


def test_news_that_were_trimmed_unread_are_missed(sold_out, memory, monkeypatch):
    """More than fit into a page came between two polls, as while the process stood still."""
    activity, _buyer, _order_id, _others = sold_out
    partition = partition_of(activity.pk)
    monkeypatch.setattr(news_module, "MOST_A_POLL", 3)
    with ledger(partition).pipeline(transaction=True) as pipeline:
        for _ in range(4):
            pipeline.xadd(news_key(partition), {"a": activity.pk + 1}, maxlen=3, approximate=False)
        pipeline.execute()
    wait_until(lambda: activity.pk not in memory._sales)
    # And goes on with what comes next.
    wait_until(lambda: memory.news.is_fresh(partition))


def test_long_reads_have_long_pauses(shoppers, buy, memory, monkeypatch):
    activity = make_sale(stock=2, member_limit=3)
    monkeypatch.setattr(sold_out_module, "PAUSE_IN_READS", 10**6)
    assert code(buy(shoppers(1)[0], activity, quantity=3)) == "sold_out"
    wait_until(lambda: not memory._looks)
    assert memory._pauses[activity.pk] > time.monotonic() + 10


def test_part_of_it_left_is_not_sold_out(shoppers, buy, memory):
    activity = make_sale(stock=2, member_limit=3)
    shopper, other = shoppers(2)
    assert code(buy(shopper, activity, quantity=3)) == "sold_out"
    wait_until(lambda: not memory._looks)
    assert activity.pk not in memory._sales
    assert ledger(partition_of(activity.pk)).hget(stock_key(activity.pk), "remain") == b"2"
    assert buy(other, activity, quantity=2).status_code == 202


def test_a_server_that_was_away_may_be_another_one(sold_out, buy, memory, redis_server):
    """A replica that was promoted has perhaps units that the dead one had sold, and tells no news of them."""
    activity, _buyer, _order_id, others = sold_out
    partition = partition_of(activity.pk)
    redis_server.kill()
    redis_server.start()
    ledger(partition).hset(stock_key(activity.pk), mapping={"remain": 1, "lock": 0})
    wait_until(lambda: buy(others[0], activity, key="again").status_code == 202)


def test_a_server_that_was_away_between_two_polls_gives_no_error(sold_out, buy):
    activity, _buyer, _order_id, others = sold_out
    partition = partition_of(activity.pk)
    ledger(partition).hset(stock_key(activity.pk), mapping={"remain": 1, "lock": 0})
    # Connections end and can be opened again at once: as after a restart that was quicker than a poll.
    ledger(partition).client_kill_filter(_type="normal", skipme=True)
    wait_until(lambda: buy(others[0], activity, key="again").status_code == 202)
