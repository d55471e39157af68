import pytest

from pgs_task.shoppers.measurements import Measurements, percentile


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(number) for number in range(1, 101)], 0.95, 95.0),
        ([float(number) for number in range(1, 101)], 0.99, 99.0),
        ([1.0, 2.0], 0.5, 1.0),
    ],
)
def test_percentile_is_the_nearest_rank(values, share, expected):
    assert percentile(values, share) == expected


def test_codes_are_counted_by_call():
    measurements = Measurements()
    measurements.record("order", code="202", seconds=0.001)
    measurements.record("order", code="sold_out", seconds=0.003)
    measurements.record("page", code="200", seconds=0.5)
    assert measurements.count("order") == 2
    assert measurements.count("order", "sold_out") == 1
    assert measurements.count("order", "never seen") == 0
    assert measurements.milliseconds("order") == (1.0, 3.0, 3.0)
