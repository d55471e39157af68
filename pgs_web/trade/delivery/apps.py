from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "pgs_web.trade.delivery"
    label = "delivery"
