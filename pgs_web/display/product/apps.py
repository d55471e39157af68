from django.apps import AppConfig


class ProductConfig(AppConfig):
    name = "pgs_web.display.product"
    label = "product"
