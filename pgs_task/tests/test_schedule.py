"""The clock's jobs: each can be found, runs alone, and an outage is no alarm."""

import inspect
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.utils.module_loading import import_string

from config.celery import app
from pgs_data.locks import FencedLock
from pgs_task.schedule import Job, all_jobs, beat_entries, task_name
from pgs_task.tasks import TASKS, run_job

runs: list[str] = []


def count_run() -> str:
    runs.append("run")
    return "done"


def run_twice_at_once() -> object:
    """A job in which the next beat comes."""
    runs.append("first")
    return run_job(COUNTED._replace(name=TWICE.name))


def meet_outage() -> None:
    raise OperationalError(2002, "Can't connect")


def break_down() -> None:
    raise ZeroDivisionError


COUNTED = Job("count_run", f"{__name__}.count_run", 1)
TWICE = Job("run_twice_at_once", f"{__name__}.run_twice_at_once", 1)


@pytest.fixture(autouse=True)
def _forget_runs(redis_server):
    runs.clear()


@pytest.mark.parametrize("job", all_jobs(), ids=lambda job: job.name)
def test_every_job_is_there_and_needs_no_arguments(job):
    act = import_string(job.path)
    required = [
        parameter
        for parameter in inspect.signature(act).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    assert required == []
    assert job.every_seconds > 0
    assert 0 < job.lease_seconds <= 120, "so long a deadline may wait for a run that was killed"


def test_names_are_used_once():
    assert len({job.name for job in all_jobs()}) == len({job.path for job in all_jobs()}) == len(all_jobs())


@pytest.mark.django_db
def test_beat_calls_tasks_that_exist():
    app.loader.import_default_modules()
    assert set(app.conf.beat_schedule) == set(beat_entries())
    for name, entry in app.conf.beat_schedule.items():
        assert entry["task"] in app.tasks, name
        assert entry["options"]["expires"] >= entry["schedule"]
    assert {task.name for task in TASKS} == {task_name(job) for job in all_jobs()}


def test_a_job_runs_and_gives_the_lock_back():
    assert run_job(COUNTED) == "done"
    assert run_job(COUNTED) == "done"
    assert runs == ["run", "run"]


def test_a_job_that_is_still_running_is_not_started_twice():
    assert run_job(TWICE) is None
    assert runs == ["first"]


def test_a_job_whose_process_died_is_started_again_when_its_lease_is_over():
    with FencedLock(f"job:{COUNTED.name}", ttl_ms=50):
        assert run_job(COUNTED) is None
    lock = FencedLock(f"job:{COUNTED.name}", ttl_ms=50)
    lock.acquire()
    assert run_job(COUNTED) is None
    while run_job(COUNTED) is None:
        pass
    assert runs == ["run"]


def test_an_outage_is_left_to_the_next_run():
    assert run_job(Job("meet_outage", f"{__name__}.meet_outage", 1)) is None


def test_redis_being_away_is_left_to_the_next_run(redis_server):
    redis_server.kill()
    try:
        assert run_job(COUNTED) is None
    finally:
        redis_server.restart()
    assert runs == []


def test_a_bug_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_job(Job("break_down", f"{__name__}.break_down", 1))


@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.parametrize("job", all_jobs(), ids=lambda job: job.name)
def test_every_job_runs_in_an_empty_shop(job):
    run_job(job)


def test_a_task_runs_its_job():
    task = next(task for task in TASKS if task.name == "clock.trim_logistics")
    with patch("pgs_task.tasks.run_job") as called:
        task()
    assert called.call_args.args[0].name == "trim_logistics"
