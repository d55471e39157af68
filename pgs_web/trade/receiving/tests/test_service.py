"""The ASGI callable itself: what it takes, what it leaves to Django, and what it does when there is too much."""

import asyncio
import json
import threading
import time
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from msgspec.structs import replace

from pgs_data.redis.connections import ledger
from pgs_data.redis.partitions import partition_of
from pgs_web.api.errors import Unavailable
from pgs_web.member.selectors import keys as member_keys
from pgs_web.trade.intake.keys import READERS_KEY
from pgs_web.trade.intake.services import OrderRequest, PlacedOrder
from pgs_web.trade.intake.tests.making import stream_of
from pgs_web.trade.order.models import OrderMode
from pgs_web.trade.receiving import application
from pgs_web.trade.receiving.application import ReceivingService
from pgs_web.trade.receiving.desk import Desk
from pgs_web.trade.receiving.lanes import Lane
from pgs_web.trade.receiving.tests.asgi_client import ask
from pgs_web.trade.receiving.turns import MemberTurns
from pgs_web.trade.stock.selectors import read_stock
from pgs_web.trade.stock.tests.making import make_sale

pytestmark = pytest.mark.django_db(databases="__all__")

FROZEN_SECONDS = 2.0


@pytest.fixture
def sale():
    return make_sale(stock=500, member_limit=500)


@pytest.fixture
def shopper(shoppers):
    return shoppers()[0]


@pytest.fixture
def send(api, shopper, sale):
    """send(**changes of headers as bytes) → the answer; `messages` and `scope` as ask() takes them."""
    body = {"activity_id": str(sale.pk), "address_id": str(shopper.address_id), "quantity": 1}

    def send_one(*, raw=None, messages=None, scope=None, run=api.thread.run, **changes):
        headers = {
            b"host": b"testserver",
            b"authorization": f"Bearer {shopper.access}".encode(),
            b"content-type": b"application/json",
            b"idempotency-key": b"key-1",
            **{name.replace("_", "-").encode(): value for name, value in changes.items()},
        }
        asked = ask(
            api.service,
            body=json.dumps(body).encode() if raw is None else raw,
            headers=[(name, value) for name, value in headers.items() if value is not None],
            messages=messages,
            scope=scope,
        )
        return run(asked)

    send_one.body = json.dumps(body).encode()
    return send_one


def chunks(*parts):
    return [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1} for place, part in enumerate(parts)
    ]


def test_a_body_in_pieces(send):
    pieces = [send.body[start : start + 7] for start in range(0, len(send.body), 7)]
    assert send(messages=chunks(*pieces, b"")).status_code == 202


def test_a_chunked_body_that_grows_too_long(send, sale):
    response = send(messages=chunks(*[b" " * 10_000] * 9))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert response["Connection"] == "close"
    assert read_stock(sale.pk).lock == 0


@pytest.mark.parametrize(("announced", "status"), [(b"65537", 413), (b"9" * 30, 413), (b"-1", 400), (b"1e3", 400)])
def test_lengths_that_are_announced(send, announced, status):
    assert send(content_length=announced).status_code == status


def test_a_body_that_does_not_come(send, monkeypatch):
    monkeypatch.setattr(application, "BODY_SECONDS", 0.1)
    response = send(messages=chunks(b"{", b"")[:1])
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_a_client_that_goes_away_orders_nothing(api, sale):
    sent: list[Any] = []

    async def act():
        incoming = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

        async def receive():
            return next(incoming)

        scope = {"type": "http", "method": "POST", "path": application.PATH, "query_string": b"", "scheme": "http"}
        await api.service({**scope, "headers": [(b"host", b"testserver")]}, receive, sent.append)

    api.thread.run(act())
    assert sent == []
    assert read_stock(sale.pk).lock == 0


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"x_trace_id": b"shopper-trace-1"}, "shopper-trace-1"),
        ({"traceparent": b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"}, "a" * 32),
        ({"x_trace_id": b"bad id"}, None),
        ({}, None),
    ],
)
def test_trace_ids(send, given, wanted):
    for response in (send(**given), send(**given, authorization=None)):
        trace_id = response["X-Trace-Id"]
        assert trace_id == wanted or (wanted is None and len(trace_id) == 32)
        assert response.json().get("trace_id", trace_id) == trace_id


def test_a_key_that_is_there_twice_is_one_of_both(api, send, shopper):
    headers = [
        *((b"host", b"testserver"), (b"authorization", f"Bearer {shopper.access}".encode())),
        *((b"content-type", b"application/json"), (b"idempotency-key", b"a"), (b"idempotency-key", b"b")),
    ]
    first = api.thread.run(ask(api.service, body=send.body, headers=headers))
    assert first.status_code == 202
    assert send(idempotency_key=b"a,b").json() == first.json()
    assert send(idempotency_key=b"b").json()["order_id"] != first.json()["order_id"]


def test_what_is_left_to_django(api, settings):
    left = []

    async def elsewhere(scope, _receive, _send):
        left.append((scope["method"], scope["path"]))

    settings.SECURE_SSL_REDIRECT = True
    service = ReceivingService(elsewhere, reception=api.service.reception)

    async def call(**scope):
        whole = {"type": "http", "method": "POST", "path": application.PATH, "query_string": b"", "scheme": "https"}
        await service({**whole, "headers": [(b"host", b"testserver")], **scope}, None, None)

    changes: list[dict[str, Any]] = [
        {"method": "GET"},
        {"method": "OPTIONS"},
        {"path": "/api/v1/orders"},
        {"path": "/api/v1/orders/5/"},
        {"scheme": "http"},
        {"headers": [(b"host", b"evil.example")]},
        {"headers": []},
        {"query_string": b"a=%00"},
    ]
    for change in changes:
        api.thread.run(call(**change))
    assert len(left) == 8


def test_other_sites_pages_may_read_the_answer(api, shopper, send, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    service = ReceivingService(api.service._elsewhere, reception=api.service.reception)
    headers = [(b"host", b"testserver"), (b"origin", b"https://shop.example")]
    response = api.thread.run(ask(service, body=send.body, headers=headers))
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Location" in response["Access-Control-Expose-Headers"]
    foreign = api.thread.run(ask(service, body=send.body, headers=[headers[0], (b"origin", b"https://evil.example")]))
    assert "Access-Control-Allow-Origin" not in foreign


def test_more_than_may_wait_are_told_to_come_back(api, send, sale, monkeypatch):
    desk: Desk = api.service.reception.desk
    monkeypatch.setattr(desk, "_most_waiting", 20)

    async def rush():
        return await asyncio.gather(
            *(send(idempotency_key=f"k{number}".encode(), run=lambda asked: asked) for number in range(50))
        )

    answers = api.thread.run(rush())
    assert {answer.status_code for answer in answers} == {202, 503}
    accepted = sum(answer.status_code == 202 for answer in answers)
    assert accepted == 20
    assert {answer["Retry-After"] for answer in answers if answer.status_code == 503} == {"1"}
    assert read_stock(sale.pk).lock == accepted
    assert desk.waiting == 0


def test_orders_that_arrive_together_go_together(api, send, sale, monkeypatch):
    monkeypatch.setattr(api.service.reception, "_turns", MemberTurns(a_second=0, burst=0))
    send()
    before = ledger().info("commandstats")["cmdstat_evalsha"]["calls"]

    async def rush():
        return await asyncio.gather(
            *(send(idempotency_key=f"k{number}".encode(), run=lambda asked: asked) for number in range(200))
        )

    answers = api.thread.run(rush())
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["order_id"] for answer in answers}) == 200
    assert ledger().info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 8


def test_a_bug_is_500_and_the_next_order_is_taken(send, sale, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Lane, "_read_verdicts", lambda *_arguments: 1 / 0)
        response = send()
        assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert send().status_code == 202
    assert read_stock(sale.pk).lock == 1


def test_without_the_cache_the_database_knows(send, api, sale, shopper, redis_server):
    """Addresses and ended sessions: the cache Redis is the ledger's here, so only its answers are taken away."""
    owners = api.service.reception.desk._owners

    async def refuse(*_command):
        raise redis.ConnectionError

    owners._server.ask = refuse
    redis.Redis.from_url(django_settings.REDIS_URLS["cache"]).delete(member_keys.address_owner(shopper.address_id))
    assert send().status_code == 202
    assert owners._broken_until > time.monotonic()
    assert send(idempotency_key=b"another").status_code == 202


def test_an_old_mirror_is_not_believed(send, api, shopper, monkeypatch):
    mirror = api.service.reception._mirror
    monkeypatch.setattr(type(mirror), "age_seconds", property(lambda _mirror: 60.0))
    assert send().status_code == 202
    monkeypatch.setattr(api.service.reception._sessions, "_find", lambda asked: dict.fromkeys(asked, True))
    response = send()
    assert (response.status_code, response.json()["code"]) == (401, "token_not_valid")


@pytest.fixture
def hanging(api, monkeypatch):
    """The cache Redis is away, and the database, which is asked instead, doesn't answer until this is set."""
    reception, answers = api.service.reception, threading.Event()
    monkeypatch.setattr(type(reception._mirror), "age_seconds", property(lambda _mirror: 60.0))

    def find(asked):
        answers.wait(30)
        return dict.fromkeys(asked, False)

    monkeypatch.setattr(reception._sessions, "_find", find)
    yield answers
    answers.set()


def test_a_database_that_hangs_is_answered_in_time(api, send, sale, hanging):
    api.service.reception.desk.answer_seconds = 0.05
    response = send()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert api.service.reception.desk.waiting == 0
    assert read_stock(sale.pk).lock == 0


def test_who_waits_for_the_database_is_among_the_waiting(api, send, sale, hanging, monkeypatch):
    desk: Desk = api.service.reception.desk
    monkeypatch.setattr(desk, "_most_waiting", 3)
    desk.answer_seconds = 60

    async def rush():
        rest = {
            asyncio.ensure_future(send(idempotency_key=f"k{number}".encode(), run=lambda asked: asked))
            for number in range(5)
        }
        refused: set[Any] = set()
        while len(refused) < 2:
            done, rest = await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)
            refused |= done
        assert desk.waiting == 3
        hanging.set()
        accepted = await asyncio.gather(*rest)
        return [task.result().status_code for task in refused], [answer.status_code for answer in accepted]

    assert api.thread.run(rush()) == ([503, 503], [202, 202, 202])
    assert desk.waiting == 0


def test_one_deadline_for_what_was_before_the_desk_and_at_it(api, shopper, sale, redis_server):
    """Who has waited for the database doesn't stand behind those who came later."""
    desk: Desk = api.service.reception.desk
    desk.answer_seconds = desk._ledger.main.seconds = desk._watching.main.seconds = 60
    request = OrderRequest(
        member_id=shopper.member_id,
        activity_id=sale.pk,
        quantity=1,
        address_id=shopper.address_id,
        group_id=None,
        mode=OrderMode.GROUP,
        idempotency_key="later",
    )

    async def come():
        later = desk.take(request)
        earlier = desk.take(replace(request, idempotency_key="earlier"), started=time.monotonic() - 60)
        return await earlier, later

    redis_server.pause()
    try:
        outcome, later = api.thread.run(come())
        assert isinstance(outcome, Unavailable)
        assert desk.waiting == 1
    finally:
        redis_server.resume()
    assert isinstance(api.thread.run(asyncio.wait_for(later, 30)), PlacedOrder)
    assert read_stock(sale.pk).lock == 1


def test_every_process_says_what_it_has_heard(api, sale):
    deadline = time.monotonic() + 30
    name = api.service.reception.name
    while True:
        said = json.loads(ledger().hget(READERS_KEY, name) or '{"read": {}}')
        if said["read"].get(str(partition_of(sale.pk)), "") > "1":
            return
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("has_deadline", [True, False], ids=["deadline", "negative control"])
def test_a_ledger_that_hangs_is_answered_in_time(api, send, redis_server, has_deadline):
    assert send(idempotency_key=b"before").status_code == 202
    desk = api.service.reception.desk
    if not has_deadline:
        desk.answer_seconds = desk._ledger.main.seconds = 30
    redis_server.pause()
    waking = threading.Timer(FROZEN_SECONDS, redis_server.resume)
    waking.start()
    started = time.monotonic()
    answer = send(idempotency_key=b"during")
    waited = time.monotonic() - started
    waking.join()
    # What tests/live asks of a whole shop; without the deadline an order takes as long as the ledger hangs.
    assert (answer.status_code == 503 and waited < FROZEN_SECONDS - 0.5) is has_deadline


@pytest.mark.parametrize("trouble", ["maxmemory", "replica"])
def test_a_ledger_that_takes_no_writes(send, sale, trouble):
    def set_trouble(is_on):
        if trouble == "maxmemory":
            ledger().config_set("maxmemory", 1 if is_on else 0)
        else:
            ledger().replicaof(*(("127.0.0.1", "1") if is_on else ("NO", "ONE")))

    assert send(idempotency_key=b"before").status_code == 202
    set_trouble(True)
    try:
        responses = [send(idempotency_key=f"k{number}".encode()) for number in range(5)]
    finally:
        set_trouble(False)
    assert {(response.status_code, response.json()["code"]) for response in responses} == {(503, "unavailable")}
    stock = read_stock(sale.pk)
    assert (stock.remain, stock.lock, len(stream_of(sale))) == (499, 1, 1)
    assert [send(idempotency_key=f"k{number}".encode()).status_code for number in range(5)] == [202] * 5
    assert read_stock(sale.pk).lock == 6


def test_scripts_that_the_ledger_forgot(send, sale):
    for number in range(3):
        ledger().script_flush()
        assert send(idempotency_key=f"k{number}".encode()).status_code == 202
    assert read_stock(sale.pk).lock == 3


def test_what_was_cancelled_leaves_nobody_waiting(api, send):
    async def give_up():
        task = asyncio.ensure_future(send(run=lambda asked: asked))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    api.thread.run(give_up())
    deadline = time.monotonic() + 30
    while api.service.reception.desk.waiting:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert send().status_code == 202
