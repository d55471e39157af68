from django.apps import AppConfig


class PaymentConfig(AppConfig):
    name = "pgs_task.payment"
    label = "payment"
