"""WSGI entry point: everything but orders, in threads; `config.receiving` takes those."""

import os

from django.core.wsgi import get_wsgi_application

from config.checks import refuse_unsafe_production

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.demo")
application = get_wsgi_application()
refuse_unsafe_production()
