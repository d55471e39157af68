"""Makes its tables and a stock row an activity: `python -m benchmarks.baselines.row_lock_shop.prepare 1,2,3`.

With `count` instead it prints how many orders there are.
"""

import os
import sys

import django
from django.db import connection

UNITS = 10**9


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baselines.row_lock_shop.settings"
    django.setup()
    from benchmarks.baselines.row_lock_shop.models import Order, Stock  # only once Django is set up

    if sys.argv[1] == "count":
        print(Order.objects.count())
        return
    with connection.schema_editor() as editor:
        editor.create_model(Stock)
        editor.create_model(Order)
    Stock.objects.bulk_create(
        Stock(activity_id=activity_id, remain=UNITS, price_fen=1000) for activity_id in sys.argv[1].split(",")
    )


if __name__ == "__main__":
    main()
