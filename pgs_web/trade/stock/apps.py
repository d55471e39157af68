from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "pgs_web.trade.stock"
    label = "stock"
