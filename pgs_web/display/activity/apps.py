from django.apps import AppConfig


class ActivityConfig(AppConfig):
    name = "pgs_web.display.activity"
    label = "activity"
