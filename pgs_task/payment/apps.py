from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentConfig(AppConfig):
    name = "pgs_task.payment"
    label = "payment"
    verbose_name = _("Payments")

    def ready(self) -> None:
        # It imports models, which can't be imported before all apps are there.
        import_module("pgs_task.payment.registration")
