"""Ids as short texts: 11 signs instead of 19, for what is kept once an order.

An id has 63 bits, so the first sign stands for five of them and is a letter: a text that begins with a digit is an id
written out, as older versions kept it. The signs are those of base 64 with `_` for `+`: none of them separates anything
in what the ledger keeps, and none means anything in a pattern of Lua's.
"""

from binascii import a2b_base64, b2a_base64

_BYTES = 8
_SIGNS = 11


def short_id(number: int) -> str:
    """The id as 11 signs; raises OverflowError for a negative number or one of more than 64 bits."""
    return b2a_base64(number.to_bytes(_BYTES, "big"), newline=False)[:_SIGNS].replace(b"+", b"_").decode("ascii")


def read_id(text: str | bytes) -> int:
    """The id that short_id wrote, or that is written out; raises ValueError for anything else."""
    try:
        signs = text.encode("ascii") if isinstance(text, str) else text
        if signs[:1].isdigit():
            return int(signs)
        if len(signs) == _SIGNS and b"+" not in signs:
            return int.from_bytes(a2b_base64(signs.replace(b"_", b"+") + b"=", strict_mode=True), "big")
    except ValueError as error:
        raise ValueError(f"Not an id: {text!r}") from error
    raise ValueError(f"Not an id: {text!r}")


def is_written_out(text: bytes) -> bool:
    """Whether an older version kept the id."""
    return text[:1].isdigit()
