"""The games' pages: who drains and steers, the audit rows, and pages made from a game's description."""

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.urls import reverse

from pgs_admin.play.pages import LookOnlyAdmin, make_page
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tests.making import HOSTILE, sign_in
from pgs_admin.tests.test_acts import ROLES, outcomes
from pgs_web.plays.models import Campaign, CampaignRules, PlaySwitch
from pgs_web.plays.pages import PlayAct, PlayPage
from pgs_web.trade.order.models import Order

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
LIST, NEW = "/admin/games/", "/admin/games/cards/"
DRAIN = {"code": "cards", "based_on": "0", "is_draining": "yes", "reason": HOSTILE}
MAKE = {"title": HOSTILE, "based_on": "0", "reason": "because", "rules-cards": "3"}


@pytest.fixture(autouse=True)
def _cards(settings):
    settings.PLAYS = ["pgs_web.plays.tests.cards"]


@pytest.mark.slow
def test_everybody_looks_and_operations_act():
    for role in ROLES:
        client = sign_in(role)
        expected = 302 if role == "operations" else 403
        for page, body in ((LIST, DRAIN), (NEW, MAKE)):
            assert client.get(page).status_code == 200
            assert client.post(page, body).status_code == expected, (role, page)
    assert PlaySwitch.objects.count() == Campaign.objects.count() == 1
    assert client.get("/admin/games/gone/").status_code == client.get(f"{NEW}99/").status_code == 404


def test_draining_and_opening_leave_audit_rows():
    client = sign_in("operations")
    client.post(LIST, DRAIN)
    client.post(LIST, DRAIN)
    assert PlaySwitch.objects.get().is_draining
    client.post(LIST, {**DRAIN, "based_on": "1", "is_draining": "no"})
    assert not PlaySwitch.objects.get().is_draining
    assert outcomes() == [("switch_play", "done"), ("switch_play", "refused: play_moved"), ("switch_play", "done")]
    for wrong in ({"reason": ""}, {"is_draining": "x"}, {"based_on": "x"}, {"code": "x" * 99}):
        client.post(LIST, {**DRAIN, **wrong})
    assert LogEntry.objects.count() == 3
    assert HOSTILE not in client.get(LIST).content.decode()


def test_a_campaign_is_made_changed_and_closed():
    client = sign_in("operations")
    client.post(NEW, MAKE)
    campaign = Campaign.objects.get()
    page = reverse("back_office:campaign", args=["cards", campaign.pk])
    wrong = client.post(page, {**MAKE, "based_on": "1", "rules-cards": "10"})
    assert wrong.status_code == 200
    assert HOSTILE not in wrong.content.decode()
    client.post(page, {**MAKE, "based_on": "1", "rules-cards": "4"})
    client.post(page, {**MAKE, "based_on": "1", "rules-cards": "5"})
    client.post(page, {**MAKE, "based_on": "2", "close": "1"})
    rules = CampaignRules.objects.order_by("version").values_list("rules", flat=True)
    assert [one["cards"] for one in rules] == [3, 4]
    assert Campaign.objects.get().closed_at is not None
    assert outcomes() == [
        ("create_campaign", "done"),
        ("change_rules", "done"),
        ("change_rules", "refused: play_moved"),
        ("close_campaign", "done"),
    ]
    assert client.get(page).status_code == 200


def test_a_page_is_made_from_a_description():
    done: list[object] = []

    def deed(row_id: int, actor: str, reason: str) -> str:
        done.append((row_id, actor, reason))
        return "done"

    act = PlayAct(name="end_round", title="End", meaning="Can end rounds", deed=deed, roles=("operations",))
    page = make_page(PlayPage(model=Order, columns=("id", "state"), fields=("id", "state"), acts=(act,)))
    assert issubclass(page, ShardedAdmin)
    assert page.actions_detail == ["end_round"]
    assert page.end_round.permission == "order.end_round"
    plain = make_page(PlayPage(model=Campaign, columns=("id", "title"), fields=("id", "title")))
    assert issubclass(plain, LookOnlyAdmin)
    assert plain(Campaign, admin.site).search_fields == ("=id",)
