"""The shop's processes: one table for the demo's launcher, the compose file and the docs."""

from typing import NamedTuple


class Process(NamedTuple):
    """A process that has to run; `argv` follows the Python interpreter."""

    name: str
    # What `services.json` calls it.
    kind: str
    argv: tuple[str, ...]


_GUNICORN = ("-m", "gunicorn", "--config", "config/gunicorn.py")

# The web server last: when it answers, everything behind it runs. Here it is one for everything.
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
    Process("web", "web", (*_GUNICORN, "config.asgi:application")),
)

# At scale two take its place: the proxy sends orders to the first and everything else to the second, whose threads keep
# their database connections. docker/ has them.
PROCESSES_AT_SCALE: tuple[Process, ...] = (
    *(process for process in PROCESSES if process.name != "web"),
    Process("receiving", "web", (*_GUNICORN, "config.receiving:application")),
    Process("web", "web", (*_GUNICORN, "--worker-class", "gthread", "config.wsgi:application")),
)
