from django.apps import AppConfig


class PgsDataConfig(AppConfig):
    name = "pgs_data"
    label = "pgs_data"
