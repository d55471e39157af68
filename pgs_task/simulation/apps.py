from django.apps import AppConfig


class SimulationConfig(AppConfig):
    name = "pgs_task.simulation"
    label = "simulation"
