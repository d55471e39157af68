"""Its server: `gunicorn --worker-class gthread benchmarks.baselines.row_lock_shop.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baselines.row_lock_shop.settings"
application = get_wsgi_application()
