"""Logs as events with fields, one JSON object a line; phones and addresses never reach them."""

from typing import Any

import structlog

from config.env import env
from config.log_masking import mask_event

LOG_LEVEL: str = env("LOG_LEVEL", default="INFO")

_SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED_PROCESSORS,
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "event": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                # After the traceback became text, which may quote anything.
                mask_event,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
            "foreign_pre_chain": _SHARED_PROCESSORS,
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # The client logs every request with its address: noise in the replay, and addresses may carry secrets.
        "httpx": {"level": "WARNING"},
    },
}
# Its start-up banner would stand in front of every command's output.
AXES_VERBOSE = False
# Members sign in by token; asking for the session's user would cost a query a request.
DJANGO_STRUCTLOG_USER_ID_FIELD = None
