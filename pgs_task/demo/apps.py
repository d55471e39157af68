from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "pgs_task.demo"
    label = "demo"
