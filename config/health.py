"""Probes: `/healthz` says that the process answers, `/readyz` names what it needs and can't reach; `/metrics`.

They are answered by a middleware, before host names, sessions and logs: a probe asks by address, every few seconds.

Readiness asks every server the shop works with. One data node down is 503 here, so that somebody is called, though
orders of the other nodes still flow: don't let a balancer take web processes out by it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from pgs_data.redis.connections import broker, cache, ledger

Check = Callable[[], None]
GetResponse = Callable[[HttpRequest], HttpResponse]
CONNECT_SECONDS = 1

# One question a server at a time: a probe a second against a server that hangs must not pile up threads.
_under_way: dict[str, Future[None]] = {}
_lock = threading.Lock()
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="readiness")


class NotWritable(Exception):
    """The server answers but doesn't take writes."""


@require_safe
@never_cache
def show_liveness(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def show_readiness(request: HttpRequest) -> JsonResponse:
    """200 when every server answers, else 503; `checks` says for each what is wrong. Answers within a second."""
    results = run_checks(readiness_checks(), seconds=settings.READINESS_SECONDS)
    is_ready = all(result == "ok" for result in results.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": results}, status=200 if is_ready else 503
    )


def readiness_checks() -> dict[str, Check]:
    """Name → a function that returns when the server is usable and raises when it isn't."""
    checks: dict[str, Check] = {alias: lambda alias=alias: ask_database(alias) for alias in settings.DATABASES}  # type: ignore[misc]
    checks["ledger"] = ask_ledger
    for partition in settings.LEDGER_PARTITION_URLS:
        checks[f"ledger-{partition}"] = lambda partition=partition: ask_ledger(partition)  # type: ignore[misc]
    checks["cache"] = lambda: _expect_pong(cache().ping())
    checks["broker"] = lambda: _expect_pong(broker().ping())
    return checks


def run_checks(checks: dict[str, Check], *, seconds: float) -> dict[str, str]:
    """Runs all at once; "ok" or what is wrong, by name, after `seconds` at the latest."""
    futures: dict[str, Future[None]] = {}
    with _lock:
        for name, check in checks.items():
            running = _under_way.get(name)
            if running is None or running.done():
                running = _under_way[name] = _threads.submit(check)
            futures[name] = running
    wait(futures.values(), timeout=seconds)
    return {name: _verdict(future, seconds) for name, future in futures.items()}


def ask_database(alias: str) -> None:
    """One SELECT over a connection of its own: the pool's may be busy, or older than the trouble."""
    connection = connections[alias].copy()
    if connection.vendor == "mysql":
        options = {**connection.settings_dict["OPTIONS"]}
        options |= {"connect_timeout": CONNECT_SECONDS, "read_timeout": CONNECT_SECONDS}
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def ask_ledger(partition: int | None = None) -> None:
    """Raises when the ledger can't be reached, is a replica, or can't write its append-only file."""
    client = ledger(partition)
    if client.info("replication").get("role") != "master":
        raise NotWritable("it is a replica")
    if client.info("persistence").get("aof_last_write_status") == "err":
        raise NotWritable("its append-only file can't be written")


# Path → view.
PROBES: dict[str, GetResponse] = {
    "/healthz": show_liveness,
    "/readyz": show_readiness,
    "/metrics": ExportToDjangoView,
}


def answer_probes(get_response: GetResponse) -> GetResponse:
    """Middleware that answers probes itself and hands on everything else."""

    def answer(request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path_info, get_response)(request)

    return answer


def _expect_pong(answer: object) -> None:
    if not answer:
        raise NotWritable("it doesn't answer PING")


def _verdict(future: Future[None], seconds: float) -> str:
    if not future.done():
        return f"no answer within {seconds:g} s"
    error = future.exception()
    # Only the kind of error: texts of drivers carry hosts and user names, and this page is read by strangers.
    return "ok" if error is None else f"down ({type(error).__name__})"
