"""Lists of facts for one call of a script: msgpack that Lua's cmsgpack reads without loss."""

from typing import Any

import msgspec

# Lua's numbers are doubles: an integer beyond this comes out as another one.
LARGEST_EXACT = 2**53

_PLAIN = {str, int, bool, type(None)}
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def pack(obj: Any) -> bytes:
    """Blob for cmsgpack.unpack; TypeError for bytes (cmsgpack has no bin type), ValueError for ints beyond 2^53."""
    _check(obj)
    return _encoder.encode(obj)


def unpack(blob: bytes) -> Any:
    """What pack or Lua's cmsgpack.pack wrote; an empty Lua table arrives as a list; ValueError for broken blobs."""
    return _decoder.decode(blob)


def _check(obj: Any) -> None:
    kind = type(obj)
    if kind is str or kind is bool or obj is None or kind is float:
        return
    if kind is int:
        if not -LARGEST_EXACT <= obj <= LARGEST_EXACT:
            raise ValueError(f"{obj} is beyond 2^53, Lua would change it: pass ids as strings.")
    elif kind is dict:
        for key, value in obj.items():
            _check(key)
            _check(value)
    elif kind is list or kind is tuple:
        kinds = set(map(type, obj))
        if kinds <= _PLAIN:
            # Almost every list: without a call a value.
            if int in kinds:
                numbers = [value for value in obj if type(value) is int]
                _check(min(numbers))
                _check(max(numbers))
            return
        for value in obj:
            _check(value)
    else:
        raise TypeError(f"{kind.__name__} can't travel to Lua: use str, int, float, bool, None, list or dict.")
