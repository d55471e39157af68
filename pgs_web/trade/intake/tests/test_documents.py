"""What an entry of the stream says, whoever appended it."""

import itertools

import pytest
from msgspec import structs

from pgs_data.lua.blobs import pack
from pgs_web.trade.intake.documents import VERSION, LaterVersion, OrderDocument, UnreadableOrder, read_entry
from pgs_web.trade.intake.tests.making import admit, documents_of, make_admission, stream_of
from pgs_web.trade.order.wishes import OnLatePayment, OnLostSeat, Wishes
from pgs_web.trade.stock.holds import Hold
from pgs_web.trade.stock.tests.making import make_sale

NUMBERS = itertools.count(100)

# As the first version of the intake appended it: one entry an order, everything in field `d`.
FIRST = OrderDocument(
    version=1,
    order_id="100",
    activity_id="5",
    member_id="42",
    quantity=2,
    mode="group",
    group_id="200",
    leader_member_id="42",
    group_size=3,
    group_price_fen=990,
    group_opened_ms=1_790_000_000_000,
    group_deadline_ms=1_790_000_100_000,
    rules_version=1,
    sku_id="8",
    merchant_id="9",
    play="standard",
    unit_price_fen=990,
    amount_fen=1980,
    address_id="7",
    idempotency_key="k",
    accepted_ms=1_790_000_000_000,
    pay_by_ms=1_790_000_060_000,
    trace_id="t",
)
VALUES = [getattr(FIRST, name) for name in FIRST.__struct_fields__[:23]]


def test_an_entry_of_the_first_version():
    assert read_entry({"d": pack(VALUES)}).documents == [FIRST]
    assert read_entry({"d": pack(VALUES)}).unreadable == []


def test_a_document_without_its_later_fields():
    (document,) = read_entry({"d": pack(VALUES[:-1])}).documents
    assert document.trace_id == ""


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, (None, None)),
        ({"something": b"else"}, (None, None)),
        ({"d": b""}, (None, None)),
        ({"d": b"\xc1garbage"}, (None, None)),
        ({"d": pack([0, "100", "5", "of no version"])}, (5, 100)),
        ({"d": pack([VERSION, "100", "5"])}, (5, 100)),
        ({"d": pack([VERSION, "x", "y", "z"])}, (None, None)),
        ({"d": b"\x91" * 100_000}, (None, None)),
    ],
)
def test_what_nobody_understands_is_named_where_it_can_be(fields, named):
    found = read_entry(fields)
    assert found.documents == []
    (order,) = found.unreadable
    assert isinstance(order, UnreadableOrder)
    assert (order.activity_id, order.order_id) == named
    assert order.detail


def batch(**changes: bytes) -> dict[str, bytes]:
    """An entry as the script appends it: one order of each kind, and a refused one between them."""
    facts = ["5", "1", "9", "900", "1400", "3", "1", "600000", "900000", "8", "9", "standard", "4"]
    orders: list[str | int] = ["100", "5", "42", 2, "", "200", "7", "1"]
    orders += ["101", "5", "43", 1, "", "", "7", ""]
    orders += ["102", "5", "44", 1, "200", "", "7", "1"]
    orders += ["103", "5", "45", 1, "", "", "7", ""]
    fields = {
        "version": b"2",
        "at": b"1790000000000",
        "facts": pack([facts]),
        "orders": pack(orders),
        "rest": pack(["k0", "t0", "k1", "t1", "k2", "t2", "k3", ""]),
        "verdicts": b"O;;5|2|950|3|800000|41|85932799000|101000|;A",
    }
    return fields | changes


def test_a_batch_is_read_as_the_script_judged_it():
    opened, joined, alone = read_entry(batch()).documents
    assert (opened.order_id, opened.activity_id, opened.member_id, opened.quantity) == ("100", "5", "42", 2)
    assert (opened.mode, opened.group_id, opened.leader_member_id, opened.group_size) == ("group", "200", "42", 3)
    assert (opened.unit_price_fen, opened.amount_fen, opened.group_price_fen) == (900, 1800, 900)
    assert (opened.group_opened_ms, opened.group_deadline_ms) == (1_790_000_000_000, 1_790_000_600_000)
    # The group ends before the time to pay would.
    assert (opened.accepted_ms, opened.pay_by_ms, opened.rules_version) == (1_790_000_000_000, 1_790_000_600_000, 4)
    assert (opened.sku_id, opened.merchant_id, opened.play, opened.address_id) == ("8", "9", "standard", "7")
    assert (opened.idempotency_key, opened.trace_id) == ("k0", "t0")
    assert (joined.order_id, joined.group_id, joined.leader_member_id, joined.group_size) == ("102", "200", "41", 2)
    assert (joined.unit_price_fen, joined.rules_version, joined.pay_by_ms) == (950, 3, 1_790_000_100_000)
    assert (joined.group_opened_ms, joined.group_deadline_ms) == (1_789_999_999_000, 1_790_000_100_000)
    assert (alone.mode, alone.group_id, alone.unit_price_fen, alone.pay_by_ms) == ("alone", "", 1400, 1_790_000_900_000)
    assert (alone.idempotency_key, alone.trace_id) == ("k3", "")


ADMITTED_AND_REFUSED = [(5, 100), (5, 101), (5, 102), (5, 103)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": b"1"}, ADMITTED_AND_REFUSED),
        ({"version": b"x"}, ADMITTED_AND_REFUSED),
        ({"version": b"-3"}, ADMITTED_AND_REFUSED),
        ({"verdicts": b"O;A"}, ADMITTED_AND_REFUSED),
        ({"verdicts": b"\xff;;;A"}, ADMITTED_AND_REFUSED),
        ({"at": b"now"}, ADMITTED_AND_REFUSED),
        ({"facts": b"\xc1"}, ADMITTED_AND_REFUSED),
        ({"facts": pack([[]])}, ADMITTED_AND_REFUSED),
        ({"facts": pack([["5", "1"]])}, ADMITTED_AND_REFUSED),
        ({"rest": b""}, ADMITTED_AND_REFUSED),
        ({"facts": pack([["6", *"123456789012"]])}, [(5, 100), (5, 102), (5, 103)]),
        ({"verdicts": b"O;;5|x|;A"}, [(5, 102)]),
        ({"orders": pack(["100", "5", "42", 2, ""])}, [(None, None)]),
        ({"orders": b"\x91" * 100_000}, [(None, None)]),
        ({"orders": pack({"no": "list"})}, [(None, None)]),
        ({"orders": pack(7)}, [(None, None)]),
    ],
)
def test_a_batch_that_nobody_understands_is_named_order_by_order(changes, named):
    found = read_entry(batch(**changes))
    assert [(order.activity_id, order.order_id) for order in found.unreadable] == named
    assert len(found.documents) == (3 - len(named) if len(named) < 4 and named[0][0] else 0)


@pytest.mark.parametrize(
    "fields",
    [
        batch(version=b"3"),
        # Whatever else it holds then.
        {"version": b"10", "packed": b"\xc1"},
        {"d": pack([VERSION + 1, "100", "5", "of the future"])},
        {"d": pack([VERSION + 1, *VALUES[1:], "more"])},
    ],
)
def test_what_a_later_version_appended_is_for_others_to_judge(fields):
    with pytest.raises(LaterVersion):
        read_entry(fields)


@pytest.mark.django_db(databases="__all__")
def test_what_the_script_appends_is_read():
    activity = make_sale(group_size=2, stock=10)
    order = make_admission(activity)
    joining, alone = (
        make_admission(activity, member_id=2, join=order.open_group_id),
        make_admission(activity, member_id=3, alone=True),
    )
    verdicts = admit(order, joining, alone)
    ((_entry, fields),) = stream_of(activity)
    documents = read_entry({name.decode(): value for name, value in fields.items()}).documents
    assert [document.order_id for document in documents] == [str(one.order_id) for one in (order, joining, alone)]
    for document, verdict in zip(documents, verdicts, strict=True):
        hold = verdict.hold
        assert (document.amount_fen, document.pay_by_ms) == (hold.amount_fen, hold.pay_by_ms)
        assert (document.accepted_ms, document.group_id) == (hold.accepted_ms, str(hold.group_id or ""))


@pytest.mark.django_db(databases="__all__")
def test_wishes_travel_in_the_document_and_in_the_hold():
    activity = make_sale(group_size=3, stock=10)
    told = [Wishes(late, lost) for late in OnLatePayment for lost in OnLostSeat]
    leader = make_admission(activity)
    verdicts = admit(
        leader, *(make_admission(activity, member_id=2 + n, alone=True, wishes=one) for n, one in enumerate(told))
    )
    assert [Wishes.from_code(document.wishes) for document in documents_of(activity)] == [Wishes(), *told]
    for verdict in verdicts:
        assert verdict.hold.address_id == 7
        assert Hold.unpack(verdict.hold.pack().encode()) == verdict.hold
    assert [Wishes.from_code(verdict.hold.wishes) for verdict in verdicts] == [Wishes(), *told]


@pytest.mark.django_db(databases="__all__")
def test_an_order_may_bring_a_shorter_time_to_pay():
    """And never a longer one: alone, opening and joining."""
    activity = make_sale(group_size=3, stock=10)
    usual = make_admission(activity)
    (verdict,) = admit(usual)
    whole = verdict.hold.pay_by_ms - verdict.hold.accepted_ms
    for own, expected in ((60_000, 60_000), (whole + 1, whole)):
        for wanted in ({"alone": True}, {}, {"join": usual.open_group_id}):
            member = next(NUMBERS)
            order = make_admission(activity, member_id=member, **wanted)
            (verdict,) = admit(structs.replace(order, pay_within_ms=own))
            document = documents_of(activity)[-1]
            assert document.pay_by_ms == verdict.hold.pay_by_ms
            assert verdict.hold.pay_by_ms - verdict.hold.accepted_ms <= expected
            if "join" not in wanted:
                assert verdict.hold.pay_by_ms - verdict.hold.accepted_ms == expected
            assert Hold.unpack(verdict.hold.pack().encode()).pay_by_ms == verdict.hold.pay_by_ms


@pytest.mark.django_db(databases="__all__")
def test_refused_orders_do_not_fill_the_stream():
    activity = make_sale(stock=1)
    orders = [make_admission(activity, member_id=member) for member in range(1, 101)]
    admit(*orders)
    ((_entry, fields),) = stream_of(activity)
    assert sum(map(len, fields.values())) < 500
    (document,) = documents_of(activity)
    assert (document.order_id, document.idempotency_key) == (str(orders[0].order_id), orders[0].idempotency_key)
    admit(*orders[1:])
    assert len(stream_of(activity)) == 1
