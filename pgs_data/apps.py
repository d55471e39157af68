from django.apps import AppConfig
from django.core.checks import register

from pgs_data.crash_points import install_wanted
from pgs_data.lua.checks import check_scripts
from pgs_data.redis.checks import check_redis
from pgs_data.sharding.checks import check_sharded_models, check_slot_map


class PgsDataConfig(AppConfig):
    name = "pgs_data"
    label = "pgs_data"

    def ready(self) -> None:
        """Registers the ground floor's system checks."""
        install_wanted()
        register(check_slot_map)
        register(check_sharded_models)
        register(check_redis)
        register(check_scripts)
