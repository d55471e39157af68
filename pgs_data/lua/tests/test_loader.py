"""Scripts on a real server: names, tags, forgotten caches, line numbers."""

from pathlib import Path

import pytest
import redis

from pgs_data.lua.checks import script_files
from pgs_data.lua.headers import ScriptHeaderError
from pgs_data.lua.loader import Script, with_source
from pgs_data.private_servers.running import RunningServer
from pgs_data.redis.connections import ledger

MOVE = """\
-- move_units: Moves units between two counters.
-- KEYS source   where they are
-- KEYS target   where they go
-- ARGV units    how many
-- ARGV reason   free text
-- DERIVES moved:<reason>  units moved for a reason
-- REPLY MOVED   followed by what the source has left
redis.call("INCRBY", target, units)
redis.call("INCRBY", tag .. "moved:" .. reason, units)
return { "MOVED", redis.call("DECRBY", source, units) }
"""
KEYS = {"source": "{p01}a", "target": "{p01}b"}
ARGS: dict[str, str | bytes | int] = {"units": 3, "reason": b"gift"}


@pytest.fixture
def client(redis_server: RunningServer) -> redis.Redis:
    return ledger(1)


@pytest.fixture
def move_units() -> Script:
    return Script(source=MOVE, name="move_units")


def test_names_reach_the_script(client, move_units):
    client.set("{p01}a", 10)
    assert move_units(client, keys=dict(reversed(KEYS.items())), args=ARGS) == [b"MOVED", 7]
    assert client.mget("{p01}a", "{p01}b", "{p01}moved:gift") == [b"7", b"3", b"3"]


def test_script_that_the_server_forgot_runs_once(client, move_units):
    move_units(client, keys=KEYS, args=ARGS)
    client.script_flush()
    assert move_units(client, keys=KEYS, args=ARGS) == [b"MOVED", -6]
    # It is cached again: the next call is an EVALSHA that succeeds.
    assert client.script_exists(move_units.sha) == [True]


def test_script_after_a_restart_of_the_server(client, move_units, redis_server):
    move_units(client, keys=KEYS, args=ARGS)
    redis_server.restart()
    assert move_units(client, keys=KEYS, args=ARGS) == [b"MOVED", -6]


def test_a_call_travels_over_any_connection(client, move_units):
    command = move_units.command(keys=KEYS, args=ARGS)
    assert command == ("EVALSHA", move_units.sha, 2, "{p01}a", "{p01}b", 3, b"gift")
    client.script_flush()
    with pytest.raises(redis.exceptions.NoScriptError):
        client.execute_command(*command)
    assert client.execute_command(*with_source(command)) == [b"MOVED", -3]
    assert client.execute_command(*command) == [b"MOVED", -6]


@pytest.mark.parametrize(
    ("keys", "args"),
    [
        ({"source": "{p01}a"}, ARGS),
        ({**KEYS, "spare": "{p01}c"}, ARGS),
        (KEYS, {"units": 3}),
        (KEYS, {**ARGS, "unit": 3}),
        (KEYS, {**ARGS, "units": 1.5}),
        (KEYS, {**ARGS, "units": True}),
        (KEYS, {**ARGS, "units": None}),
    ],
)
def test_wrong_names_and_values_never_reach_the_server(client, move_units, keys, args):
    with pytest.raises(TypeError, match="move_units"):
        move_units(client, keys=keys, args=args)
    assert client.dbsize() == 0


@pytest.mark.parametrize(
    "target",
    ["{p02}b", "b", "", "{p01}b\r\nFLUSHALL", "{p01}b c", "{p01}b\0", "{p01}{p02}", "{p01}b}", "{}b", "{p01}团"],
)
def test_keys_of_several_tags_and_hostile_keys_never_reach_the_server(client, move_units, target):
    with pytest.raises(ValueError, match="move_units"):
        move_units(client, keys={**KEYS, "target": target}, args=ARGS)
    assert client.dbsize() == 0


def test_error_names_the_line_of_the_file(client):
    source = "-- fail: Fails.\n-- KEYS place  where\n-- REPLY value  never\nlocal nothing\nreturn nothing[place]\n"
    with pytest.raises(redis.ResponseError, match=r"user_script:5|:5:"):
        Script(source=source, name="fail")(client, keys={"place": "{p01}a"})


def test_every_script_of_the_project_compiles_here(client):
    for path in script_files():
        script = Script.load(path.parent.parent, path.stem)
        assert client.script_load(script.source) == script.sha


def test_script_is_found_by_package_and_by_folder(tmp_path: Path):
    (tmp_path / "lua").mkdir()
    (tmp_path / "lua" / "move_units.lua").write_text(MOVE)
    assert Script.load(tmp_path, "move_units").header.keys == ("source", "target")
    assert Script.load("pgs_data", "acquire_lock").name == "acquire_lock"
    for place in (tmp_path, "pgs_data", "pgs_data.no_such_room", "json.decoder"):
        with pytest.raises(ScriptHeaderError):
            Script.load(place, "no_such_script")


def test_parts_share_the_names_of_their_script(client, tmp_path):
    (tmp_path / "lua" / "parts").mkdir(parents=True)
    head, _, last = MOVE.rstrip("\n").rpartition("\n")
    (tmp_path / "lua" / "move_units.lua").write_text(f"{head}\n-- INCLUDE answer\n{last.replace('source', 'origin')}\n")
    with pytest.raises(ScriptHeaderError, match="there is no part"):
        Script.load(tmp_path, "move_units")
    (tmp_path / "lua" / "parts" / "answer.lua").write_text("-- answer: A part of move_units.\nlocal origin = source\n")
    client.set(KEYS["source"], 5)
    assert Script.load(tmp_path, "move_units")(client, keys=KEYS, args=ARGS) == [b"MOVED", 2]
