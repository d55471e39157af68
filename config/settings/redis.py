"""Redis in three roles: `ledger` must not lose anything, `cache` may, `broker` carries celery's messages."""

from config.env import env

REDIS_URLS: dict[str, str] = {
    "ledger": env("REDIS_LEDGER_URL", default="redis://127.0.0.1:6379/0"),
    "cache": env("REDIS_CACHE_URL", default="redis://127.0.0.1:6379/1"),
    "broker": env("REDIS_BROKER_URL", default="redis://127.0.0.1:6379/2"),
}
REDIS_SOCKET_TIMEOUT_SECONDS: float = env.float("REDIS_SOCKET_TIMEOUT_SECONDS", default=0.8)

LEDGER_PARTITIONS: int = env.int("LEDGER_PARTITIONS", default=16)
# {"7": "redis://…"}: partition 7 lives in a Redis of its own.
LEDGER_PARTITION_URLS: dict[int, str] = {
    int(partition): url for partition, url in env.dict("LEDGER_PARTITION_URLS", default={}).items()
}
# {"1234": "7"}: activity 1234 is pinned to partition 7.
LEDGER_PINS: dict[int, int] = {int(key): int(value) for key, value in env.dict("LEDGER_PINS", default={}).items()}
# {"1234": "4"}: activity 1234 is sold from buckets in 4 partitions; set before it is loaded, kept until it is over.
LEDGER_SPREAD: dict[int, int] = {int(key): int(value) for key, value in env.dict("LEDGER_SPREAD", default={}).items()}

# Replicas that must have an order before it is answered, and all else that mustn't be lost when one is promoted.
# 0 where the ledger has none, or for who would rather lose the last orders of a dead primary than wait for replicas.
LEDGER_REPLICAS_AWAITED: int = env.int("LEDGER_REPLICAS_AWAITED", default=0)

# Orders of a partition that wait in its stream to be written down; beyond it new ones are told to come back (503), so
# that who is in doesn't wait for hours.
INTAKE_BACKLOG_CEILING: int = env.int("INTAKE_BACKLOG_CEILING", default=200_000)
# The same for all orders of a partition that are accepted and not written down, those that wait for a node among them:
# they are ahead of nobody, but the ledger's memory is bounded, at about 1 KB an order that waits. By default what ten
# thousand a second leave behind while one node of three is away for four minutes.
INTAKE_UNWRITTEN_CEILING: int = env.int("INTAKE_UNWRITTEN_CEILING", default=5 * INTAKE_BACKLOG_CEILING)

# What Redis has of an activity that is over is archived when nothing of it has moved for so long: seven days. Four at
# least: until then shoppers' keys are known, and the repetition of an order is answered from its hold.
LEDGER_ARCHIVE_AFTER_SECONDS: int = env.int("LEDGER_ARCHIVE_AFTER_SECONDS", default=7 * 86_400)

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URLS["cache"],
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.5, "SOCKET_TIMEOUT": 0.5},
    },
}
