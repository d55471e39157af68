import copy
import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings

from config.log_masking import mask_mobile_numbers


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13812345678", "138****5678"),
        ("call 138-1234-5678 now", "call 138****5678 now"),
        ("+86 13812345678", "+86 138****5678"),
        ("+8613812345678", "+86138****5678"),
        ('{"phone": "19912345678"}', '{"phone": "199****5678"}'),
        # Not mobile numbers: ids, amounts, times.
        ("order 138123456789012345", "order 138123456789012345"),
        ("1700000000", "1700000000"),
        ("12812345678", "12812345678"),
    ],
)
def test_mobile_numbers_are_masked_and_ids_are_not(text: str, masked: str):
    assert mask_mobile_numbers(text) == masked


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, object]]]]:
    """What the configured handler would have written, as objects."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    # It takes its configuration apart.
    configuration: dict[str, Any] = copy.deepcopy(settings.LOGGING)
    formatter = logging.config.DictConfigurator(configuration).configure_formatter(configuration["formatters"]["event"])
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def test_no_way_of_logging_lets_a_phone_through(lines):
    structlog.get_logger("shop").warning("member_seen", phone="13812345678", also={"phone": "13812345678"})
    structlog.get_logger("shop").warning("as_number", phone=13812345678)
    logging.getLogger("shop").warning("seen %s", "13812345678")
    error = ValueError("Key (phone)=(13812345678) already exists")
    logging.getLogger("shop").error("failed", exc_info=error)
    written = lines()
    assert len(written) == 4
    assert "13812345678" not in json.dumps(written)
    assert "138****5678" in str(written[3]["exception"])
    assert "ValueError" in str(written[3]["exception"])


def test_lines_are_objects_with_level_and_time(lines):
    logging.getLogger("shop").warning("hello")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("hello", "warning", "shop")
    assert str(line["timestamp"]).endswith("Z")
