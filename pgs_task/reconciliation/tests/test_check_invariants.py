"""`manage.py check_invariants`: what it prints, how it exits, and that what it can't reach is never ok."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from pgs_data.private_servers.ports import free_port
from pgs_data.redis.connections import ledger
from pgs_task.reconciliation import quiet, runner
from pgs_task.reconciliation.contract import OFFENDERS_SHOWN, When, make_check
from pgs_task.reconciliation.runner import all_checks, judge
from pgs_web.trade.intake.keys import flow_key
from pgs_web.trade.stock.keys import changed_key

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture(autouse=True)
def _looks_without_pause(monkeypatch):
    monkeypatch.setattr(runner, "SECONDS_BETWEEN_LOOKS", 0.0)


QUIET_ONES = {check.id for check in all_checks() if check.when is When.QUIET}


def check(*options: str) -> tuple[list[dict], str]:
    """Its JSON lines, every line of stdout, and what it failed with, empty when it exits 0."""
    out = io.StringIO()
    problem, exit_code = "", 0
    try:
        call_command("check_invariants", "--json", *options, stdout=out)
    except CommandError as error:
        problem = str(error)
        exit_code = error.returncode
    assert exit_code == (1 if problem else 0)
    return [json.loads(line) for line in out.getvalue().splitlines()], problem


def failed(lines: list[dict]) -> set[str]:
    return {line["id"] for line in lines if not line["ok"]}


@contextmanager
def database_away(alias: str) -> Iterator[None]:
    """Nothing listens where this database should be; for SQLite there is no such folder."""
    connection = connections[alias]
    connection.close()
    kept = dict(connection.settings_dict)
    if connection.vendor == "sqlite":
        connection.settings_dict["NAME"] = "/nowhere/at/all.sqlite3"
    else:
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": free_port()}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= kept


def break_one() -> None:
    ledger(3).hset(flow_key(3), mapping={"accepted": 2, "persisted": 1, "rejected": 2})


@pytest.mark.slow
def test_all_is_well():
    lines, problem = check("--wait", "5")
    assert problem == ""
    assert [line["id"] for line in lines] == [one.id for one in all_checks()]
    assert all(line["ok"] and line["judged"] and line["count"] == 0 and line["offenders"] == [] for line in lines)
    assert set(lines[0]) == {"id", "when", "promise", "ok", "judged", "count", "offenders", "seconds"}


def test_one_is_broken():
    break_one()
    lines, problem = check()
    assert failed(lines) == {"E5"}
    assert problem.startswith(f"1 of {len(all_checks())} invariants")
    (line,) = (line for line in lines if line["id"] == "E5")
    assert (line["count"], line["offenders"]) == (1, ["partition 3: 2 accepted, 1 persisted, 2 rejected"])


def test_the_text_for_people_names_the_offenders():
    break_one()
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_invariants", stdout=out)
    text = out.getvalue()
    assert "S1  A  ok     total = remain + lock + sold" in text
    assert "E5  Q  1      persisted + rejected = accepted" in text
    assert "          partition 3: 2 accepted" in text


def test_only_always_leaves_the_quiet_ones_out():
    break_one()
    lines, problem = check("--only-always")
    assert {line["when"] for line in lines} == {"A"}
    assert problem == ""


def test_only_those_asked_for():
    break_one()
    lines, problem = check("--only", "S1,E5")
    assert ([line["id"] for line in lines], failed(lines)) == (["S1", "E5"], {"E5"})
    assert problem.startswith("1 of 2 invariants")
    with pytest.raises(CommandError, match="no check is called X9"):
        call_command("check_invariants", "--only", "S1,X9")


def test_only_the_first_offenders_are_kept_and_all_are_counted():
    many = make_check("X1", When.ALWAYS, "a promise")(lambda: (f"row {number}" for number in range(1000)))
    verdict = judge(many)
    assert (verdict.count, len(verdict.offenders), verdict.offenders[0]) == (1000, OFFENDERS_SHOWN, "row 0")


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([["activity 1: 2 locked", "activity 2: 5 locked"], ["activity 2: 4 locked", "activity 3: 1 locked"]], 1),
        ([["activity 1: 2 locked"], ["activity 3: 1 locked"]], 0),
        ([["activity 1 member 2: none"], ["activity 1 member 3: none"]], 0),
        ([["order 1 on node0 is PAID"], ["order 1 on node0 is SHIPPED"]], 1),
        ([["no number at all"], ["no number at all"]], 1),
    ],
)
def test_what_moves_on_is_no_offence_and_what_stays_is(looks, found):
    remaining = iter([*looks, looks[-1]])
    moving = make_check("X1", When.QUIET, "a promise")(lambda: iter(next(remaining)))
    assert runner.judge_again(moving, looks=3).count == found


def test_what_holds_at_any_moment_gets_no_second_look(monkeypatch):
    looks = iter([["activity 1: -1 left"], []])
    broken = make_check("X1", When.ALWAYS, "a promise")(lambda: iter(next(looks)))
    monkeypatch.setattr(runner, "all_checks", lambda: [broken])
    assert [verdict.count for verdict in runner.run_checks(looks=5)] == [1]


def test_a_check_that_breaks_down_is_not_ok_and_stops_no_other(monkeypatch):
    @make_check("X1", When.ALWAYS, "a promise")
    def breaks_down():
        yield "row 1"
        raise KeyError("a mistake of ours")

    checks = [breaks_down, *all_checks()]
    monkeypatch.setattr(runner, "all_checks", lambda: checks)
    lines, problem = check()
    assert (lines[0]["ok"], lines[0]["judged"], lines[0]["count"]) == (False, False, 2)
    assert "KeyError: 'a mistake of ours'" in lines[0]["offenders"][0]
    assert "row 1" in lines[0]["offenders"]
    assert failed(lines) == {"X1"}
    assert problem


@pytest.mark.real
def test_a_connection_that_ended_ends_one_check_and_no_other(monkeypatch):
    @make_check("X1", When.ALWAYS, "a promise")
    def loses_its_connection():
        with connections["node1"].cursor() as cursor:
            cursor.execute("KILL CONNECTION_ID()")
        yield "not reached"

    checks = [loses_its_connection, *all_checks()]
    monkeypatch.setattr(runner, "all_checks", lambda: checks)
    lines, _problem = check()
    assert failed(lines) == {"X1"}
    assert "can't be reached" not in lines[0]["offenders"][0], "the database is there"


@pytest.mark.parametrize("alias", ["node1", "default"])
def test_a_database_that_is_away_is_never_ok(alias):
    with database_away(alias):
        lines, problem = check()
    assert problem
    assert len(lines) == len(all_checks())
    asked = {"S3", "O2", "G1", "M1", "E2", "E3"} if alias == "node1" else {"S1", "S7", "S5", "O4"}
    assert asked <= failed(lines)
    assert "E4" not in failed(lines), "what needs no database is judged"
    for line in lines:
        if not line["ok"]:
            assert not line["judged"]
            assert f"database {alias} can't be reached" in line["offenders"][0]


def test_redis_that_is_away_is_never_ok(redis_server):
    redis_server.kill()
    lines, problem = check()
    assert problem
    # An empty shop has no stock to ask Redis for; every stream and every key that is looked for can't be.
    assert {"E4", "E5", "P1"} <= failed(lines)
    assert all("can't be reached" in line["offenders"][0] for line in lines if not line["ok"])


@pytest.mark.slow
def test_quiet_is_waited_for():
    ledger(3).sadd(changed_key(3), 1)
    timer = threading.Timer(0.5, lambda: ledger(3).delete(changed_key(3)))
    timer.start()
    began = time.monotonic()
    lines, problem = check("--wait", "20")
    timer.join()
    assert (failed(lines), problem) == (set(), "")
    assert 0.5 < time.monotonic() - began < 15


@pytest.mark.slow
def test_what_is_not_quiet_in_time_is_told_and_only_the_rest_is_judged():
    ledger(3).hset(flow_key(3), mapping={"accepted": 2, "persisted": 1})
    lines, problem = check("--wait", "0.5")
    assert "partition 3: 1 orders are not written down" in problem
    assert problem.startswith("Not quiet after")
    assert failed(lines) >= QUIET_ONES
    assert all(not line["judged"] for line in lines if line["when"] == "Q")
    # Two admitted, one written, none left in the stream: that is told at any moment.
    assert {line["id"] for line in lines if line["when"] == "A" and not line["ok"]} == {"E4"}


def test_a_moment_of_calm_is_not_quiet(monkeypatch):
    looks = iter([[], [], ["a message"], *([[]] * 50)])
    seen = []

    def look() -> list[str]:
        seen.append(next(looks))
        return seen[-1]

    monkeypatch.setattr(quiet, "find_restless", look)
    monkeypatch.setattr(quiet, "PAUSE_SECONDS", 0.001)
    assert quiet.wait_for_quiet(10) == []
    assert len(seen) == 3 + quiet.CALM_LOOKS


def test_who_is_away_is_not_quiet(redis_server):
    with database_away("node2"):
        (restless,) = quiet.find_restless()
    assert "database node2 can't be reached" in restless
    redis_server.kill()
    assert "the ledger of partition 0 can't be reached" in quiet.find_restless()[0]
    _lines, problem = check("--wait", "0.1")
    assert "can't be reached" in problem


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(CommandError, match="--wait"):
        call_command("check_invariants", f"--wait={seconds}")
