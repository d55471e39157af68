from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConfigurationConfig(AppConfig):
    name = "pgs_task.payment.configuration"
    label = "payment_configuration"
    verbose_name = _("Payment configuration")
