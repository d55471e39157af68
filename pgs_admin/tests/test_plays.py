"""The games' pages: who drains and steers, the audit rows, and pages made from a game's description."""

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from pgs_admin.play import campaigns, refusals
from pgs_admin.play.pages import LookOnlyAdmin, make_page
from pgs_admin.sharded import ShardedAdmin
from pgs_admin.tests.making import HOSTILE, sign_in
from pgs_admin.tests.test_acts import ROLES, outcomes
from pgs_data.redis.connections import RedisUnavailable
from pgs_data.sharding.slots import SLOT_SHIFT, node_aliases, slot_of_key
from pgs_data.sharding.transactions import node_transaction
from pgs_web.plays.eligibility.refused import note_refusal
from pgs_web.plays.figures import selectors
from pgs_web.plays.figures.services import count_figures, fold_figures
from pgs_web.plays.models import Campaign, CampaignRules, PlaySwitch
from pgs_web.plays.pages import PlayAct, PlayPage
from pgs_web.plays.services import create_campaign
from pgs_web.plays.tests.cards.play import Cards
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


def test_figures_are_shown_by_campaign_and_a_node_that_is_away_is_named(monkeypatch):
    client = sign_in("viewer")
    campaign = create_campaign(code="cards", title=HOSTILE, rules={"cards": 3}, author="x", reason="x")
    round_id = slot_of_key(10) << SLOT_SHIFT | 7
    amounts = {"started": 4, "ended.WON": 3, "bought": 2, "cost_fen": 501, "new_members": 2, "helps": 9, "dealt": 8}
    with node_transaction(round_id):
        count_figures(code="cards", campaign_id=campaign.pk, shard_key=round_id, amounts=amounts)
    fold_figures()
    page = reverse("back_office:play_figures", args=["cards"])
    rows = client.get(page, headers={"Accept-Language": "en"}).context["rows"]
    assert [row.campaign for row in rows] == [None, campaign]
    # Started, running, won, helps, bought, conversion, refunded, cost, new members, cost of each, dealt, envelope.
    counted = ["4", "1", "3", "9 (0)", "2", "50.0 %", "0", "¥5.01", "2", "¥2.50", "8"]
    assert [row.cells for row in rows] == [[*counted, ""], [*counted, "¥1.00 of ¥4.00 (25.0 %)"]]
    assert HOSTILE not in client.get(page).content.decode()

    def be_away(*_args: object) -> None:
        raise OperationalError(2003, "away")

    monkeypatch.setattr(selectors, "_read_node", be_away)
    monkeypatch.setattr(Cards, "read_figures", be_away)
    shown = client.get(page)
    assert shown.status_code == 200
    assert node_aliases()[0] in shown.content.decode()
    assert client.get(reverse("back_office:play_figures", args=["gone"])).status_code == 404


def test_rules_are_previewed_without_being_kept():
    client, page = sign_in("viewer"), reverse("back_office:play_preview", args=["cards"])
    before = Campaign.objects.count()
    told = client.post(page, {"rules-cards": "3", "title": HOSTILE}).json()
    assert told == {"lines": [["Cards", "3 cards"]], "errors": {}}
    wrong = client.post(page, {"rules-cards": "10"}).json()
    assert (wrong["lines"], list(wrong["errors"])) == ([], ["rules-cards"])
    assert Campaign.objects.count() == before
    assert client.get(page).status_code == 405
    assert client.post(reverse("back_office:play_preview", args=["gone"])).status_code == 404
    assert Client().post(page).status_code == 302


def test_a_change_is_judged_while_it_is_written_and_keeps_what_was_typed(monkeypatch):
    client = sign_in("operations")
    client.post(NEW, MAKE)
    campaign = Campaign.objects.get()

    def judge_change(_self, *, before, after):
        return {"cards": f"{before['cards']} are less"} if after["cards"] < before["cards"] else {}

    monkeypatch.setattr(Cards, "judge_change", judge_change)
    page = reverse("back_office:play_preview", args=["cards", campaign.pk])
    assert client.post(page, {"rules-cards": "2"}).json() == {"lines": [], "errors": {"rules-cards": ["3 are less"]}}
    assert client.post(page, {"rules-cards": "4"}).json()["errors"] == {}
    assert client.post(reverse("back_office:play_preview", args=["cards", 99])).status_code == 404
    kept = client.post(
        reverse("back_office:campaign", args=["cards", campaign.pk]), {**MAKE, "based_on": "1", "rules-cards": "2"}
    )
    assert (kept.status_code, kept.context["rule_form"].errors) == (200, {"cards": ["3 are less"]})
    assert Campaign.objects.get().version == 1


def test_campaigns_come_in_pages(monkeypatch):
    monkeypatch.setattr(campaigns, "CAMPAIGNS_A_PAGE", 2)
    made = [
        create_campaign(code="cards", title=str(number), rules={"cards": 3}, author="x", reason="x")
        for number in range(3)
    ]
    client = sign_in("viewer")
    for page in (reverse("back_office:play_figures", args=["cards"]), NEW):
        first = client.get(page)
        assert list(first.context["page"].campaigns) == made[:0:-1]
        older = f"?before={made[1].pk}"
        assert older in first.content.decode()
        last = client.get(f"{page}{older}")
        assert (list(last.context["page"].campaigns), last.context["page"].older_before) == (made[:1], None)
        for wrong in ("x", "-1", "9" * 30, "１"):
            assert list(client.get(page, {"before": wrong}).context["page"].campaigns) == made[:0:-1]


def test_a_campaigns_page_begins_with_its_preview():
    client = sign_in("operations")
    assert "play-preview" in client.get(NEW).content.decode()
    client.post(NEW, MAKE)
    page = reverse("back_office:campaign", args=["cards", Campaign.objects.get().pk])
    assert client.get(page).context["preview"] == [("Cards", "3 cards")]
    assert client.post(page, {**MAKE, "rules-cards": "99"}).context["preview"] == []


def test_refused_helps_are_shown_masked(monkeypatch):
    client, page = sign_in("viewer"), reverse("back_office:play_refusals", args=["cards"])
    assert client.get(page).status_code == 200
    seen = {"round": 7, "initiator": 8, "helper": 9, "device": "d" * 64, "address": "a" * 64}
    for refusal in ("self_help", "gone_code"):
        note_refusal(code="cards", campaign_id=3, refusal=refusal, seen=seen)
    shown = client.get(page, headers={"Accept-Language": "en"}).content.decode()
    for text in ("self_help", "gone_code", "You can&#x27;t help yourself", "/admin/member/member/9/change/"):
        assert text in shown
    assert "d" * 11 not in shown

    def be_away(_code: str) -> None:
        raise RedisUnavailable[0]

    monkeypatch.setattr(refusals, "read_refused_counts", be_away)
    assert client.get(page).status_code == 200
    assert client.get(reverse("back_office:play_refusals", args=["gone"])).status_code == 404
