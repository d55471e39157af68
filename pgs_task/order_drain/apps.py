from django.apps import AppConfig


class OrderDrainConfig(AppConfig):
    name = "pgs_task.order_drain"
    label = "order_drain"
