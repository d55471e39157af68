"""What Python packs Lua reads, and the other way round."""

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgs_data.lua.blobs import pack, unpack
from pgs_data.lua.loader import Script
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import ledger

ECHO = Script(
    source="""\
-- echo: Unpacks a blob and packs it again.
-- KEYS place  any key
-- ARGV blob   msgpack
-- REPLY blob  the same facts
redis.call("SET", place, blob)
return cmsgpack.pack(cmsgpack.unpack(blob))
""",
    name="echo",
)
# cmsgpack keeps a whole float as an integer; null ends a Lua list, so a fact that isn't there is left out.
scalars = st.one_of(
    st.text(), st.booleans(), st.integers(min_value=-(2**53), max_value=2**53), st.floats(width=64, allow_nan=False)
)
facts = st.lists(
    st.one_of(scalars, st.lists(scalars, min_size=1), st.dictionaries(st.text(min_size=1), scalars, min_size=1)),
    min_size=1,
)


@pytest.mark.slow
@given(facts=facts)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_facts_survive_the_way_through_lua(redis_server: RunningServer, facts: list):
    client: redis.Redis = ledger()
    assert unpack(ECHO(client, keys={"place": "{p00}x"}, args={"blob": pack(facts)})) == facts


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63])
def test_number_that_lua_would_change_is_refused(number: int):
    with pytest.raises(ValueError, match="as strings"):
        pack({"order_id": [number]})


@pytest.mark.parametrize("thing", [b"bytes", {1, 2}, object()])
def test_thing_that_lua_does_not_know_is_refused(thing: object):
    with pytest.raises(TypeError, match="travel to Lua"):
        pack([{"thing": thing}])


def test_broken_blob_is_a_value_error():
    with pytest.raises(ValueError, match="truncated"):
        unpack(b"\x93\x01")
