from django.apps import AppConfig


class OrderConfig(AppConfig):
    name = "pgs_web.trade.order"
    label = "order"
