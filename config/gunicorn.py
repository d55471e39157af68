"""gunicorn's configuration: `python -m gunicorn --config config/gunicorn.py config.asgi:application`.

Also of the processes that take its place at scale: config/processes.py.
"""

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from config.settings.logging import LOGGING
from config.settings.web import (
    TRUSTED_PROXIES,
    WEB_BIND,
    WEB_DATABASE_READ_SECONDS,
    WEB_GRACEFUL_SECONDS,
    WEB_THREADS,
    WEB_WORKERS,
)
from pgs_data.private_servers.running import die_with

bind = WEB_BIND
workers = WEB_WORKERS
# Of gthread workers; ASGI ones make theirs in config/serving.py.
threads = WEB_THREADS
worker_class = "config.web_worker.WebWorker"
# The first second of a sale arrives as one burst of connections.
backlog = 4096
# Longer than nginx keeps its idle connections to us, else it writes into one that we are just closing.
keepalive = 75
graceful_timeout = WEB_GRACEFUL_SECONDS
# A worker whose event loop stands still so long is replaced.
timeout = 60
forwarded_allow_ips = TRUSTED_PROXIES
# Requests are logged as events by django_structlog; see also web_worker.py.
accesslog = None
logconfig_dict: dict[str, Any] = {
    **LOGGING,
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        # Told everything as soon as there is a configuration, whatever `accesslog` says.
        "gunicorn.access": {"level": "CRITICAL", "handlers": ["stderr"], "propagate": False},
    },
}
proc_name = "pgs-web"
# Its place is one file of the user's home for all shops of a machine, and whoever opens it commands the server.
control_socket_disable = True

# Read by config/settings/databases.py in the workers, which load the application after this file.
os.environ["DATABASE_READ_SECONDS"] = str(WEB_DATABASE_READ_SECONDS)

# Every worker counts in files of its own; /metrics adds them up. prometheus_client looks at the variable when it is
# imported, so nothing here may import it.
_counters = None
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _counters = tempfile.TemporaryDirectory(prefix="pgs-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _counters.name


def post_fork(server: Any, worker: Any) -> None:
    """A worker dies with its master: orphans would keep the port, and the next master could not listen."""
    die = die_with(server.pid)
    if die:
        die()


def post_worker_init(worker: Any) -> None:
    """The application is loaded and nothing was served yet: from here on the worker is told what operators change."""
    if not worker.app.app_uri.startswith("config."):
        # A baseline of the benchmarks, which is no shop of ours.
        return
    # Not above: Django isn't set up when this file is read.
    watching = import_module("pgs_task.payment.configuration.watching")
    watching.watch_configuration(process="receiving" if worker.app.app_uri.startswith("config.receiving") else "web")


def child_exit(server: Any, worker: Any) -> None:
    """Forgets the live gauges of a worker that ended; its counters stay."""
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"gauge_live*_{worker.pid}.db"):
        path.unlink(missing_ok=True)


def on_exit(server: Any) -> None:
    """Removes the counters' folder if it is ours."""
    if _counters:
        _counters.cleanup()
