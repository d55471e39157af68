import redis

from pgs_data.private_servers.running import RunningServer


def test_ledger_settings_are_really_on(redis_server: RunningServer):
    client = redis.Redis.from_url(redis_server.url, decode_responses=True)
    assert client.config_get("append*")["appendonly"] == "yes"
