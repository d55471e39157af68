"""What makes an activity's rules valid, and that each mistake is told at its field."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from pgs_web.display.activity.models import Activity
from pgs_web.display.activity.rules import RULE_FIELDS, change_rules, complete_rules, validate_rules
from pgs_web.display.activity.services import create_activity
from pgs_web.display.activity.tests.making import NOON, make_sku, rules

pytestmark = pytest.mark.django_db(databases="__all__")


def errors_of(**changes):
    sku = make_sku(price_fen=10_000)
    try:
        validate_rules(rules=complete_rules(rules(**changes), sku), sku=sku)
    except ValidationError as error:
        return set(error.message_dict)
    return set()


def test_good_rules_pass_at_their_edges():
    assert errors_of() == set()
    assert errors_of(price_fen=10_000) == set()
    assert errors_of(price_fen=1, group_size=1, member_limit=100_000, stock_total=100_000_000) == set()
    assert errors_of(ends_at=NOON + timedelta(microseconds=1)) == set()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price_fen": 10_001}, "price_fen"),
        ({"price_fen": 6_001, "alone_price_fen": 6_000}, "price_fen"),
        ({"alone_price_fen": 10_001}, "alone_price_fen"),
        ({"alone_price_fen": 0}, "alone_price_fen"),
        ({"price_fen": 0}, "price_fen"),
        ({"price_fen": -1}, "price_fen"),
        ({"price_fen": 10.0}, "price_fen"),
        ({"price_fen": True}, "price_fen"),
        ({"price_fen": "10"}, "price_fen"),
        ({"price_fen": 2**63}, "price_fen"),
        ({"group_size": 0}, "group_size"),
        ({"group_size": 1001}, "group_size"),
        ({"member_limit": 0}, "member_limit"),
        ({"stock_total": 0}, "stock_total"),
        ({"stock_total": 100_000_001}, "stock_total"),
        ({"group_lasts_seconds": 0}, "group_lasts_seconds"),
        ({"pay_within_seconds": 0}, "pay_within_seconds"),
        ({"ends_at": NOON}, "ends_at"),
        ({"ends_at": NOON - timedelta(seconds=1)}, "ends_at"),
        ({"ends_at": NOON + timedelta(days=367)}, "ends_at"),
        ({"starts_at": datetime(2030, 5, 1)}, "starts_at"),
        ({"starts_at": datetime(1, 1, 1, tzinfo=NOON.tzinfo)}, "starts_at"),
        ({"ends_at": datetime(9999, 12, 31, tzinfo=NOON.tzinfo)}, "ends_at"),
        ({"title": "   "}, "title"),
        ({"title": "长" * 121}, "title"),
        ({"play": "Standard"}, "play"),
        ({"leader_leaves": "stay"}, "leader_leaves"),
        ({"guaranteed_seats": 2, "guarantee_cap_fen": 10_000, "group_size": 2}, "guaranteed_seats"),
        ({"guaranteed_seats": -1}, "guaranteed_seats"),
        ({"guaranteed_seats": 1, "guarantee_cap_fen": 99, "price_fen": 100}, "guarantee_cap_fen"),
        ({"guarantee_cap_fen": -1}, "guarantee_cap_fen"),
        ({"leader_leaves": None}, "leader_leaves"),
        ({"play": "a b"}, "play"),
        ({"play": ""}, "play"),
    ],
)
def test_a_mistake_is_told_at_its_field(changes, field):
    assert errors_of(**changes) == {field}


def test_an_amount_beyond_exact_arithmetic_is_refused():
    sku = make_sku(price_fen=2**53 - 1)
    good = rules(price_fen=1, alone_price_fen=2**53 - 1)
    validate_rules(rules=good, sku=sku)
    with pytest.raises(ValidationError) as caught:
        validate_rules(rules=change_rules(good, {"member_limit": 2}), sku=sku)
    assert set(caught.value.message_dict) == {"member_limit"}


@pytest.mark.parametrize("off", ["sku", "product", "merchant"])
def test_what_is_off_the_shelf_has_no_activity(off):
    sku = make_sku()
    row = {"sku": sku, "product": sku.product, "merchant": sku.product.merchant}[off]
    setattr(row, "is_open" if off == "merchant" else "is_on_shelf", False)
    row.save()
    with pytest.raises(ValidationError) as caught:
        create_activity(sku_id=sku.pk, rules=rules(), actor="author")
    assert set(caught.value.message_dict) == {"sku"}
    assert not Activity.objects.exists()


def test_what_is_left_empty_comes_from_the_sku():
    sku = make_sku(price_fen=9_000)
    activity = create_activity(sku_id=sku.pk, rules=rules(title="", title_en=""), actor="author")
    activity.refresh_from_db()
    assert (activity.title, activity.title_en, activity.alone_price_fen) == ("水蜜桃", "Peaches", 9_000)
    log = activity.logs.get()
    assert (log.from_state, log.to_state, log.actor) == ("", "DRAFT", "author")


def test_an_english_title_of_the_product_does_not_stand_for_another_chinese_one():
    activity = create_activity(sku_id=make_sku().pk, rules=rules(title="特价", title_en=""), actor="author")
    assert activity.title_en == ""


def test_unknown_sku_and_unknown_rule_are_told():
    with pytest.raises(ValidationError) as caught:
        create_activity(sku_id=987_654, rules=rules(), actor="author")
    assert set(caught.value.message_dict) == {"sku"}
    with translation.override("en"), pytest.raises(ValidationError, match="no rule called state"):
        change_rules(rules(), {"state": "RUNNING"})


def test_every_rule_is_a_column():
    assert {field.name for field in Activity._meta.get_fields()} >= RULE_FIELDS
