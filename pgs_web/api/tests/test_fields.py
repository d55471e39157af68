import pytest
from rest_framework.exceptions import ValidationError

from pgs_web.api.fields import CodeField, IdField, LineField, StrictBooleanField, StrictIntegerField, StringField
from pgs_web.api.ids import IdConverter, read_id

NOT_INTEGERS = ["1", "１", True, False, None, [], {}, 1.0, 1.5, float("inf"), "1e3", b"1"]


@pytest.mark.parametrize("value", [1, 5, 99])
def test_integers_within_the_bounds(value):
    assert StrictIntegerField(min_value=1, max_value=99).run_validation(value) == value


@pytest.mark.parametrize("value", [*NOT_INTEGERS, -1, 0, 100, 10**9, 2**31, 2**63, -(2**63), 10**30])
def test_everything_else_is_refused(value):
    with pytest.raises(ValidationError):
        StrictIntegerField(min_value=1, max_value=99).run_validation(value)


NOT_IDS: list[object] = [
    *("", "0", "01", "+1", "-1", " 1", "1 ", "1\n", "\n1", "1\x00", "1.0", "1e3", "0x1", "1_000", "１２", "١", "²"),
    *(str(2**63), "9" * 19, "9" * 400, "{1}", "1}", "1\r\nSET x 1", 1, 1.0, True, None, [], {}, b"1"),
]


@pytest.mark.parametrize("value", ["1", "42", str(2**63 - 1)])
def test_ids(value):
    assert read_id(value) == int(value)
    assert IdField().run_validation(value) == int(value)
    assert IdField().to_representation(int(value)) == value
    assert IdConverter().to_python(value) == int(value)


@pytest.mark.parametrize("value", NOT_IDS)
def test_what_is_no_id(value):
    assert read_id(value) is None
    with pytest.raises(ValidationError):
        IdField().run_validation(value)


@pytest.mark.parametrize("value", ["true", 1, 0, "on", None, [], "True"])
def test_only_json_booleans_are_booleans(value):
    assert StrictBooleanField().run_validation(True) is True
    with pytest.raises(ValidationError):
        StrictBooleanField().run_validation(value)


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\r\nb", "\x00", "a\tb", "\x7f", "\u2028", "\u202eevil", "\u2066x", "\x85", "\ud800", 1, 1.5, True, []],
)
def test_lines_hold_no_control_characters(value):
    with pytest.raises(ValidationError):
        LineField(max_length=40).run_validation(value)


@pytest.mark.parametrize("value", ["小明", "🎁👨‍👩‍👧", "O'Neil <b>", "é", "İ"])
def test_lines_hold_any_other_text(value):
    assert LineField(max_length=40).run_validation(f"  {value} ") == value


def test_lines_are_bounded_and_not_blank():
    for value in ("x" * 41, "", "   "):
        with pytest.raises(ValidationError):
            LineField(max_length=40).run_validation(value)


@pytest.mark.parametrize("value", [1, True, None, [], {}])
def test_strings_are_strings(value):
    with pytest.raises(ValidationError):
        StringField().run_validation(value)
    assert StringField().run_validation(" x ") == " x "


@pytest.mark.parametrize("value", ["GROUP", "group ", 1, None, [], {}])
def test_codes_are_spelled_exactly(value):
    assert CodeField(codes=["group", "alone"]).run_validation("group") == "group"
    with pytest.raises(ValidationError):
        CodeField(codes=["group", "alone"]).run_validation(value)
