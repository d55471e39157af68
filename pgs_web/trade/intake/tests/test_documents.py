"""What an entry of the stream says, whoever appended it."""

import pytest

from pgs_data.lua.blobs import pack
from pgs_web.trade.intake.documents import VERSION, OrderDocument, UnreadableOrder, read_entry
from pgs_web.trade.intake.tests.making import admit, make_admission, stream_of
from pgs_web.trade.stock.tests.making import make_sale

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
VALUES = [getattr(FIRST, name) for name in FIRST.__struct_fields__]


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
        ({"d": pack([VERSION + 1, "100", "5", "of the future"])}, (5, 100)),
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


@pytest.mark.django_db(databases="__all__")
def test_what_the_script_appends_is_read():
    activity = make_sale()
    order = make_admission(activity)
    admit(order)
    entries = [{name.decode(): value for name, value in fields.items()} for _entry, fields in stream_of(activity)]
    found = [document for fields in entries for document in read_entry(fields).documents]
    assert [document.order_id for document in found] == [str(order.order_id)]
