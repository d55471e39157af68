"""Activities over HTTP: who is shown, filters, order and pages, languages, the age of the stock, cost."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from pgs_data.clock import database_now
from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.selectors import ON_OFFER, list_activities
from pgs_web.display.activity.services import finish_stock_pass
from pgs_web.display.activity.states import ActivityState
from pgs_web.display.activity.tests.making import give_stock, make_activity, make_running, make_sku

pytestmark = pytest.mark.django_db(databases="__all__")
URL = "/api/v1/activities/"


def ids(client, **query):
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [int(result["id"]) for result in answer.json()["results"]]


def walk(client, url, link="next"):
    pages = []
    while url:
        answer = client.get(url).json()
        pages.append([int(result["id"]) for result in answer["results"]])
        url = answer[link]
    return pages


def test_one_offer_with_everything_a_shopper_needs(client):
    activity = make_running(group_size=3, member_limit=2)
    give_stock(activity)
    answer = client.get(f"{URL}{activity.pk}/", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    offer = answer.json()
    assert offer["id"] == str(activity.pk)
    assert (offer["title"], offer["state"], offer["play"]) == ("For two", "RUNNING", "standard")
    assert (offer["price_fen"], offer["alone_price_fen"], offer["sku"]["price_fen"]) == (6_000, 10_000, 10_000)
    assert (offer["group_size"], offer["member_limit"], offer["rules_version"]) == (3, 2, 1)
    assert (offer["group_lasts_seconds"], offer["pay_within_seconds"]) == (86_400, 900)
    assert offer["product"]["title"] == "Peaches"
    assert offer["product"]["merchant"]["name"] == "Orchard"
    assert offer["starts_at"].endswith("Z")
    assert offer["server_time"].endswith("Z")
    assert {key: offer["stock"][key] for key in ("total", "remain", "lock", "sold")} == {
        "total": 10,
        "remain": 7,
        "lock": 2,
        "sold": 1,
    }


def test_texts_are_chinese_unless_english_is_asked_for(client):
    activity = make_running()
    only_chinese = make_running(title_en="", title="只有中文")
    url = f"{URL}{activity.pk}/"
    for language, title in (("zh-CN", "两人团"), ("en-GB", "For two"), ("fr", "两人团"), ("", "两人团")):
        headers = {"Accept-Language": language} if language else {}
        answer = client.get(url, headers=headers)
        assert answer.json()["title"] == title
        assert "Accept-Language" in answer["Vary"]
    headers = {"Accept-Language": "en"}
    assert client.get(f"{URL}{only_chinese.pk}/", headers=headers).json()["title"] == "只有中文"


@pytest.mark.parametrize("state", [ActivityState.DRAFT, ActivityState.IN_REVIEW, ActivityState.WITHDRAWN])
def test_what_is_not_for_shoppers_does_not_exist(client, state):
    activity = make_activity(state=state)
    hidden, absent = client.get(f"{URL}{activity.pk}/"), client.get(f"{URL}987654/")
    assert hidden.status_code == absent.status_code == 404
    assert {**hidden.json(), "trace_id": ""} == {**absent.json(), "trace_id": ""}
    assert ids(client) == []


@pytest.mark.parametrize("text", ["0", "01", "-1", "1.5", "abc", "%EF%BC%91", "9223372036854775808", "1%0A", "{1}"])
def test_ids_that_are_none_are_404(client, text):
    answer = client.get(f"{URL}{text}/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_the_clock_rules_between_two_beats(client):
    now = database_now("default")
    minute = timedelta(minutes=1)
    begun = make_activity(state=ActivityState.SCHEDULED, starts_at=now, ends_at=now + minute)
    over = make_activity(state=ActivityState.RUNNING, starts_at=now - minute, ends_at=now)
    paused = make_activity(state=ActivityState.PAUSED, starts_at=now - minute, ends_at=now + minute)
    states = {activity.pk: client.get(f"{URL}{activity.pk}/").json()["state"] for activity in (begun, over, paused)}
    assert states == {begun.pk: "RUNNING", over.pk: "ENDED", paused.pk: "PAUSED"}


def test_the_stock_says_how_old_it_may_be(client):
    fresh, old, none = make_running(), make_running(), make_running()
    give_stock(fresh, age_seconds=2.5)
    give_stock(old, age_seconds=100)
    ages = {result["id"]: result["stock"] for result in client.get(URL).json()["results"]}
    assert ages[str(none.pk)] is None
    assert ages[str(fresh.pk)]["age_seconds"] in {2, 3}
    assert ages[str(old.pk)]["age_seconds"] in {100, 101}
    # A pass over all that changed 40 seconds ago: what did not change is no older than that.
    finish_stock_pass(as_of=database_now("default") - timedelta(seconds=40), fence=1)
    assert client.get(f"{URL}{old.pk}/").json()["stock"]["age_seconds"] in {40, 41}
    assert client.get(f"{URL}{fresh.pk}/").json()["stock"]["age_seconds"] in {2, 3, 4}


def test_without_a_state_everything_that_has_not_ended(client):
    made = {state: make_activity(state=state) for state in ActivityState}
    assert set(ids(client)) == {made[ActivityState(name)].pk for name in ("SCHEDULED", "RUNNING", "PAUSED")}
    assert ids(client, state="ENDED") == [made[ActivityState.ENDED].pk]
    assert ids(client, state="SCHEDULED") == [made[ActivityState.SCHEDULED].pk]


def test_filters_and_search(client):
    peach = make_running(title="蜜桃 Summer", title_en="SUMMER Peach")
    other = make_running(
        title="别的", title_en="Other", play="bargain", sku=make_sku(title="樱桃", title_en="Cherries")
    )
    assert ids(client, play="bargain") == [other.pk]
    assert ids(client, play="standard") == [peach.pk]
    assert ids(client, search="蜜桃 s") == [peach.pk]
    assert ids(client, search="summer PEACH") == [peach.pk]
    assert ids(client, search="樱桃") == ids(client, search="cherrieS") == [other.pk]
    assert ids(client, search="%") == ids(client, search="_") == []
    assert ids(client, search="") == [other.pk, peach.pk]
    assert ids(client, product=str(other.sku.product_id)) == [other.pk]
    assert ids(client, category="other") == [other.pk, peach.pk]
    assert ids(client, category="fruit") == []


@pytest.mark.parametrize(
    "query",
    [
        {"state": "DRAFT"},
        {"state": "running"},
        {"state": ""},
        {"ordering": "stock_total"},
        {"ordering": "sku__price_fen"},
        {"play": "A B"},
        {"search": "x" * 61},
        {"product": "abc"},
        {"product": "9223372036854775808"},
        {"category": "nothing"},
        {"page_size": "0"},
        {"page_size": "101"},
        {"page_size": "１"},
        {"cursor": "%%%"},
        {"cursor": "x" * 600},
        {"cursor": "é"},
        {"cursor": ""},
    ],
)
def test_bad_questions_are_400_and_say_where(client, query):
    answer = client.get(URL, query)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == list(query)


@pytest.mark.parametrize(
    "ordering", ["-id", "starts_at", "-starts_at", "ends_at", "-ends_at", "price_fen", "-price_fen"]
)
def test_pages_go_through_everything_once_forwards_and_back(client, ordering):
    sku = make_sku()
    now = database_now("default")
    made = []
    for number in range(11):
        # Many equal values, so that pages end in the middle of them.
        starts_at = now - timedelta(minutes=number // 4)
        ends_at = now + timedelta(hours=1 + number % 2)
        made.append(make_running(sku=sku, price_fen=100 + number % 2, starts_at=starts_at, ends_at=ends_at))
    column = ordering.lstrip("-")
    wanted = [row.pk for row in sorted(made, key=lambda row: (getattr(row, column), row.pk))]
    if ordering.startswith("-"):
        wanted.reverse()
    pages = walk(client, f"{URL}?ordering={ordering}&page_size=3")
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert [row for page in pages for row in page] == wanted
    last = f"{URL}?ordering={ordering}&page_size=3"
    while (answer := client.get(last).json())["next"]:
        last = answer["next"]
    assert walk(client, last, link="previous") == pages[::-1]


def test_a_row_that_goes_between_two_pages_hides_no_other(client):
    made = [make_running(price_fen=100, sku=None) for _number in range(5)]
    first = client.get(f"{URL}?ordering=price_fen&page_size=2").json()
    Activity.objects.filter(pk=made[1].pk).update(state=ActivityState.WITHDRAWN)
    second = client.get(first["next"]).json()
    assert [int(result["id"]) for result in second["results"]] == [made[2].pk, made[3].pk]


def test_beyond_the_end_there_is_a_way_back(client):
    made = [make_running() for _number in range(3)]
    first = client.get(f"{URL}?page_size=2").json()
    Activity.objects.filter(pk=made[0].pk).update(state=ActivityState.WITHDRAWN)
    empty = client.get(first["next"]).json()
    assert (empty["results"], empty["next"]) == ([], None)
    assert len(client.get(empty["previous"]).json()["results"]) >= 1


def test_a_cursor_belongs_to_its_ordering(client):
    for _number in range(3):
        make_running()
    following = client.get(f"{URL}?ordering=price_fen&page_size=1").json()["next"]
    for other in ("ends_at", "-price_fen", "-id"):
        answer = client.get(following.replace("ordering=price_fen", f"ordering={other}"))
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "words",
    [
        "f|price_fen|x|1",
        "f|price_fen|-1|1",
        "f|price_fen|1",
        "z|price_fen|1|1",
        "f|price_fen|1|0",
        "f|price_fen|9223372036854775808|1",
    ],
)
def test_a_forged_cursor_is_400(client, words):
    cursor = urlsafe_b64encode(words.encode()).decode()
    assert client.get(URL, {"ordering": "price_fen", "cursor": cursor}).status_code == 400


@pytest.mark.parametrize("text", ["nonsense", "2030-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_forged_moment_is_400(client, text):
    cursor = urlsafe_b64encode(f"f|ends_at|{text}|1".encode()).decode()
    assert client.get(URL, {"ordering": "ends_at", "cursor": cursor}).status_code == 400


def test_a_cursor_carries_value_and_id(client):
    make_running(price_fen=123)
    last = make_running(price_fen=123)
    make_running(price_fen=124)
    following = client.get(f"{URL}?ordering=price_fen&page_size=2").json()["next"]
    cursor = following.split("cursor=")[1].split("&")[0]
    padded = cursor + "=" * (-len(cursor) % 4)
    assert urlsafe_b64decode(padded).decode() == f"f|price_fen|123|{last.pk}"


def test_a_page_costs_the_same_queries_whatever_its_size(client):
    for _number in range(12):
        give_stock(make_running())
    with CaptureQueriesContext(connections["default"]) as small:
        client.get(URL, {"page_size": 1})
    with CaptureQueriesContext(connections["default"]) as large:
        client.get(URL, {"page_size": 12})
    assert len(small) == len(large) == 6


def test_times_of_answers_are_utc_and_the_databases(client):
    make_running()
    answer = client.get(URL).json()
    moment = datetime.fromisoformat(answer["server_time"])
    assert abs((moment - database_now("default")).total_seconds()) < 5


def test_whoever_asks_for_hidden_states_gets_none_of_them():
    made = {state: make_activity(state=state).pk for state in ActivityState}
    found = set(list_activities(states=set(ActivityState)).values_list("id", flat=True))
    assert found == {made[ActivityState(name)] for name in ("SCHEDULED", "RUNNING", "PAUSED", "ENDED")}


@pytest.mark.parametrize("ordering", ["-id", "price_fen", "-price_fen", "ends_at", "-starts_at"])
def test_pages_of_several_states_are_one_list(client, ordering):
    """Each state is read by itself: the parts have to be merged in the ordering, over pages and back."""
    made = [make_activity(state=state, price_fen=100 + turn % 3).pk for turn in range(3) for state in sorted(ON_OFFER)]
    whole = ids(client, ordering=ordering, page_size=100)
    assert sorted(whole) == sorted(made)
    path, seen = f"{URL}?ordering={ordering}&page_size=2", []
    while path:
        page = client.get(path).json()
        seen += [int(activity["id"]) for activity in page["results"]]
        back, path = page["previous"], page["next"]
    assert seen == whole
    assert [int(activity["id"]) for activity in client.get(back).json()["results"]] == whole[-3:-1]
