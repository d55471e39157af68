"""The quick reader takes nothing that the exact one refuses, and reads nothing otherwise."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import APIException

from pgs_web.api.errors import Refusal
from pgs_web.trade.receiving.bodies import read_at_once, read_exactly

PASS = "1.1790000000.k." + "0a" * 16
HOW = {"content_type": b"application/json", "key": "k", "member_id": 7, "trace_id": "t"}
IDS = st.sampled_from(["1", "7", str(2**63 - 1), str(2**63), "0", "01", "x", "", "1 ", "１"])
VALUES = st.one_of(
    IDS,
    st.integers(-2, 100_001),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["group", "alone", "GROUP", "retry", "refund", "move", "lead", "a:b", "\\u0031", '"', PASS, PASS + "\n"]
    ),
    st.lists(st.integers(), max_size=1),
)
NAMES = st.sampled_from(
    [
        "activity_id",
        "address_id",
        "quantity",
        "group_id",
        "mode",
        "on_late_payment",
        "on_lost_seat",
        "entry_pass",
        "a:b",
    ]
)


def exactly(body):
    try:
        return read_exactly(body, **HOW)
    except (APIException, Refusal):
        return None


def check(body):
    quick = read_at_once(body, **HOW)
    assert quick is None or quick == exactly(body), body


@settings(max_examples=400)
@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=7), st.sampled_from([", ", ",", ",\n "]), st.sampled_from([":", ": "])
)
def test_whatever_is_read_quickly_is_read_exactly_so(pairs, comma, colon):
    # By hand: the same key may be there twice.
    check(("{" + comma.join(f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in pairs) + "}").encode())


@settings(max_examples=200)
@given(IDS, IDS, VALUES, VALUES, VALUES, st.sets(st.sampled_from(["group_id", "mode", "quantity"])), st.booleans())
def test_near_misses(activity, address, quantity, group, mode, there, is_doubled):
    fields = {"activity_id": activity, "address_id": address, "quantity": quantity, "group_id": group, "mode": mode}
    body = json.dumps(
        {
            name: value
            for name, value in fields.items()
            if name.endswith("y_id") or name == "address_id" or name in there
        }
    )
    check((body[:-1] + f', "quantity": {json.dumps(quantity)}}}' if is_doubled else body).encode())


@given(st.binary(max_size=60))
def test_bytes(raw):
    check(raw)


GOOD = b'{"activity_id":"5","address_id":"6","quantity":2}'


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        GOOD[:-1] + b',"group_id":"9"}',
        GOOD[:-1] + b',"group_id":null,"mode":"alone"}',
        b" " + GOOD + b"\n",
        GOOD[:-1] + b',"on_late_payment":"retry","on_lost_seat":"lead"}',
        GOOD[:-1] + b',"on_late_payment":"refund","on_lost_seat":"move","mode":"group"}',
        GOOD[:-1] + b',"on_lost_seat":"alone"}',
        GOOD[:-1] + b',"entry_pass":"%b"}' % PASS.encode(),
        GOOD[:-1] + b',"entry_pass":null}',
    ],
)
def test_what_clients_send_is_read_quickly(body):
    assert read_at_once(body, **HOW) == exactly(body) is not None
    assert read_at_once(body, **{**HOW, "content_type": b"Application/JSON; charset=utf-8"}) is not None


def test_a_key_that_is_there_twice_is_seen():
    """The control: the decoder alone would take it."""
    doubled = GOOD[:-1] + b',"quantity":3}'
    assert read_at_once(doubled, **HOW) is None
    assert exactly(doubled) is None


@pytest.mark.parametrize("change", [{"key": "two words"}, {"content_type": b"text/plain"}, {"content_type": b""}])
def test_the_rest_is_left_to_the_exact_reader(change):
    assert read_at_once(GOOD, **{**HOW, **change}) is None
