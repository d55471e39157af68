from django.apps import AppConfig


class StockSyncConfig(AppConfig):
    name = "pgs_task.stock_sync"
    label = "stock_sync"
