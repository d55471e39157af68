"""The shop's processes: one table for the demo's launcher, the compose file and the docs."""

from typing import NamedTuple


class Process(NamedTuple):
    """A process that has to run; `argv` follows the Python interpreter."""

    name: str
    # What `services.json` calls it.
    kind: str
    argv: tuple[str, ...]


# The web server last: when it answers, everything behind it runs.
PROCESSES: tuple[Process, ...] = (
    Process("drain", "drain", ("manage.py", "drain_orders")),
    Process("relay", "relay", ("manage.py", "relay_outbox")),
    Process("logistics", "consumer", ("manage.py", "consume_logistics")),
    # Threads: the jobs wait for databases, and a killed worker leaves no children behind.
    Process(
        "worker",
        "celery",
        ("-m", "celery", "--app", "config.celery", "worker", "--pool", "threads", "--loglevel", "INFO"),
    ),
    Process("beat", "beat", ("-m", "celery", "--app", "config.celery", "beat", "--loglevel", "INFO", "--pidfile=")),
    Process("web", "web", ("-m", "gunicorn", "--config", "config/gunicorn.py", "config.asgi:application")),
)
