"""The web server: processes, threads, and where it listens; read by Django and by config/gunicorn.py."""

from config.env import env

# host:port; the demo gives its own on the command line.
WEB_BIND: str = env("WEB_BIND", default="127.0.0.1:8000")
WEB_WORKERS: int = env.int("WEB_WORKERS", default=2)
# Threads a process, and so the most requests of one process at the databases at once.
WEB_THREADS: int = env.int("WEB_THREADS", default=16)
# Seconds in which requests under way may end after TERM.
WEB_GRACEFUL_SECONDS: int = env.int("WEB_GRACEFUL_SECONDS", default=20)
# Proxies whose X-Forwarded-For and -Proto are believed.
TRUSTED_PROXIES: str = env("TRUSTED_PROXIES", default="127.0.0.1")
# Where the shop is reached from this machine; the replay plays there unless told otherwise.
SHOP_BASE_URL: str = env("SHOP_BASE_URL", default="")
# Seconds after which a web process gives up on a MySQL server that doesn't answer: a node that hangs takes a thread for
# so long from every request that reads it. The other processes' DATABASE_READ_SECONDS allows for longer statements.
WEB_DATABASE_READ_SECONDS: int = env.int("WEB_DATABASE_READ_SECONDS", default=5)
