from django.apps import AppConfig


class LogisticsConfig(AppConfig):
    name = "pgs_task.logistics"
    label = "logistics"
