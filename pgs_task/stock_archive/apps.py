from django.apps import AppConfig


class StockArchiveConfig(AppConfig):
    name = "pgs_task.stock_archive"
    label = "stock_archive"
