from django.apps import AppConfig


class ReplayConfig(AppConfig):
    name = "pgs_task.replay"
    label = "replay"
