from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "pgs_web.api"
    label = "api"
