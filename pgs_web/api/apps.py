from django.apps import AppConfig
from django.urls import register_converter

from pgs_web.api.ids import IdConverter


class ApiConfig(AppConfig):
    name = "pgs_web.api"
    label = "api"

    def ready(self) -> None:
        register_converter(IdConverter, "id")
