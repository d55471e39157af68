"""Serializer fields that take exactly one spelling of a value: nothing is guessed, rounded or trimmed into shape."""

import unicodedata
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from pgs_web.api.ids import LARGEST_ID, read_id

LARGEST_INTEGER = 2**63 - 1


class StrictIntegerField(serializers.Field):
    """A JSON integer between `min_value` and `max_value`: "1", 1.5, 1.0, true and full-width digits are refused."""

    default_error_messages = {
        "invalid": _("Give a whole number, without quotes and without a fraction."),
        "min_value": _("The smallest value allowed is {min_value}."),
        "max_value": _("The largest value allowed is {max_value}."),
    }

    def __init__(self, *, min_value: int = 0, max_value: int = LARGEST_INTEGER, **kwargs: Any) -> None:
        self.min_value = min_value
        self.max_value = max_value
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:  # bool is a subclass of int
            self.fail("invalid")
        if data < self.min_value:
            self.fail("min_value", min_value=self.min_value)
        if data > self.max_value:
            self.fail("max_value", max_value=self.max_value)
        return data

    def to_representation(self, value: int) -> int:
        return value


class IdField(serializers.Field):
    """An id as a string of its canonical decimal digits; gives an int. Write-side refusals are validation errors."""

    default_error_messages = {
        "invalid": _("Give the id as a string of decimal digits, as the API wrote it."),
    }

    def to_internal_value(self, data: Any) -> int:
        number = read_id(data)
        if number is None or number > LARGEST_ID:
            self.fail("invalid")
        return number

    def to_representation(self, value: int) -> str:
        return str(value)


class StrictBooleanField(serializers.Field):
    """JSON true or false; "true", 1 and "on" are refused."""

    default_error_messages = {"invalid": _("Give true or false, without quotes.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data

    def to_representation(self, value: bool) -> bool:
        return value


class StringField(serializers.CharField):
    """Text, taken as it is: a JSON string and nothing that could be turned into one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class LineField(StringField):
    """One line of text: a JSON string without control characters; spaces around it are dropped, emoji are fine."""

    default_error_messages = {
        "not_a_line": _("Remove line breaks and other control characters."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": True, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and any(is_forbidden(character) for character in data):
            self.fail("not_a_line")
        return super().to_internal_value(data)


def is_forbidden(character: str) -> bool:
    """Control characters, line and paragraph separators, surrogates, and what turns the direction of text around."""
    category = unicodedata.category(character)
    # Cf holds the zero-width joiner, which emoji are made with, and the bidirectional overrides, which forge names.
    return category in {"Cc", "Cs", "Zl", "Zp"} or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class CodeField(serializers.Field):
    """One of a fixed set of words, spelled exactly."""

    default_error_messages = {"invalid_choice": _("Give one of: {choices}.")}

    def __init__(self, *, codes: Any, **kwargs: Any) -> None:
        self.codes = tuple(str(code) for code in codes)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.codes:
            self.fail("invalid_choice", choices=", ".join(self.codes))
        return data

    def to_representation(self, value: Any) -> str:
        return str(value)
