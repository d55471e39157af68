import threading
import time

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings

from config import health
from pgs_data.private_servers.ports import free_port
from pgs_data.private_servers.running import RunningServer

NAMES = {*settings.DATABASES, "ledger", "cache", "broker"}
REDIS_ROLES = {"ledger", "cache", "broker"}


@pytest.fixture
def broken_node(monkeypatch: pytest.MonkeyPatch) -> str:
    """node1 as if its server had gone: new connections fail, in every thread."""
    alias = "node1"
    # All threads' connections share this dictionary.
    shared = connections.settings[alias]
    if connections[alias].vendor == "sqlite":
        monkeypatch.setitem(shared, "NAME", "/nonexistent/node1.sqlite3")
    else:
        monkeypatch.setitem(shared, "PORT", free_port())
    return alias


def test_liveness_asks_nobody(client: Client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_ready_when_everything_answers(client: Client):
    answer = client.get("/readyz")
    assert answer.json() == {"status": "ok", "checks": dict.fromkeys(NAMES, "ok")}
    assert answer.status_code == 200


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_node_that_is_down_is_named(client: Client, broken_node: str):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks.pop(broken_node) == "down (OperationalError)"
    assert set(checks.values()) == {"ok"}


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_killed_redis_is_named_and_comes_back(client: Client, redis_server: RunningServer):
    redis_server.kill()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert {name for name, verdict in answer.json()["checks"].items() if verdict != "ok"} == REDIS_ROLES
    redis_server.restart()
    assert client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_answers_within_a_second_while_redis_is_stopped(client: Client, redis_server: RunningServer):
    client.get("/readyz")
    redis_server.pause()
    answers = [client.get("/readyz") for _ in range(2)]
    redis_server.resume()
    for answer in answers:
        assert answer.status_code == 503
        assert {name for name, verdict in answer.json()["checks"].items() if verdict != "ok"} == REDIS_ROLES


def test_a_hanging_check_holds_one_thread_however_often_it_is_asked():
    hanging = threading.Event()
    calls: list[int] = []

    def hang() -> None:
        calls.append(1)
        hanging.wait(10)

    try:
        for _ in range(3):
            assert health.run_checks({"slow": hang}, seconds=0.02) == {"slow": "no answer within 0.02 s"}
        assert len(calls) == 1
    finally:
        hanging.set()
    time.sleep(0.05)
    assert health.run_checks({"slow": hang}, seconds=30) == {"slow": "ok"}


def test_only_reading_is_allowed(client: Client):
    assert client.post("/readyz").status_code == 405


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_the_verdict_tells_strangers_no_address(client: Client, broken_node: str):
    assert "nonexistent" not in client.get("/readyz").content.decode()


def test_metrics_are_prometheus_text(client: Client):
    client.get("/nothing-here")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "django_http_requests_total_by_method_total" in answer.content.decode()


@override_settings(ALLOWED_HOSTS=["shop.example.com"], SECURE_SSL_REDIRECT=True)
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_probes_come_by_address_and_without_tls(client: Client, path: str):
    assert client.get("/nothing-here").status_code in (301, 400)
    answer = client.get(path, headers={"host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert answer["X-Trace-Id"]
