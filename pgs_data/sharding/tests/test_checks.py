from django.apps import apps
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from pgs_data.sharding.checks import check_sharded_models, check_slot_map
from pgs_data.sharding.models import ShardedModel
from pgs_data.sharding.tests.models import Record


class OneApp:
    """What a check needs of an app's configuration."""

    def __init__(self, *chosen: type[models.Model]) -> None:
        self.chosen = chosen

    def get_models(self) -> list[type[models.Model]]:
        return list(self.chosen)


def ids_of(*chosen: type[models.Model]) -> list[str | None]:
    return [problem.id for problem in check_sharded_models([OneApp(*chosen)])]


def test_the_project_passes() -> None:
    assert check_slot_map() == []
    assert check_sharded_models() == []


def test_manage_check_runs_them(settings) -> None:
    settings.SLOT_MAP = "0-3:node0"
    assert "sharding.E001" in {problem.id for problem in run_checks()}


def test_settings_that_lose_rows_are_refused(settings) -> None:
    settings.DATA_NODES = [*settings.DATA_NODES, "node9"]
    settings.DATABASE_ROUTERS = []
    assert [problem.id for problem in check_slot_map()] == ["sharding.E002", "sharding.E003"]
    assert all(problem.hint for problem in check_slot_map())


@isolate_apps("pgs_data")
def test_shard_fields_that_name_no_node_are_refused() -> None:
    class Forgotten(ShardedModel):
        pass

    class Misspelt(ShardedModel):
        shard_field = "order"

    class NumberedByTheDatabase(ShardedModel):
        shard_field = "id"
        id = models.BigAutoField(primary_key=True)

    class TooSmall(ShardedModel):
        shard_field = "parent"
        parent = models.IntegerField()

    class MayBeMissing(ShardedModel):
        shard_field = "parent"
        parent = models.BigIntegerField(null=True)

    class MadeUp(ShardedModel):
        shard_field = "parent"
        parent = models.BigIntegerField(default=0)

    class Fine(ShardedModel):
        shard_field = "parent_id"
        parent_id = models.BigIntegerField()

    class FineByForeignKey(ShardedModel):
        shard_field = "record_id"
        record = models.ForeignKey(Record, models.CASCADE, related_name="+")

    assert ids_of(Forgotten, Misspelt) == ["sharding.E004", "sharding.E004"]
    assert ids_of(NumberedByTheDatabase) == ["sharding.E005"]
    assert ids_of(TooSmall, MayBeMissing, MadeUp) == ["sharding.E006"] * 3
    assert ids_of(Fine, FineByForeignKey) == []


@isolate_apps("pgs_data")
def test_managers_that_do_not_route_are_refused() -> None:
    class PlainManager(ShardedModel):
        shard_field = "key"
        key = models.BigIntegerField()

        objects = models.Manager()  # type: ignore[assignment]

    assert ids_of(PlainManager) == ["sharding.E007", "sharding.E007"]


@isolate_apps("pgs_data")
def test_relations_between_databases_are_refused() -> None:
    class PointsOut(ShardedModel):
        shard_field = "key"
        key = models.BigIntegerField()
        user = models.ForeignKey(User, models.CASCADE, related_name="+")

    class PointsIn(models.Model):
        record = models.ForeignKey(Record, models.CASCADE, related_name="+")

    class Many(ShardedModel):
        shard_field = "key"
        key = models.BigIntegerField()
        records = models.ManyToManyField(Record, related_name="+")

    class MayPointToAnotherNode(ShardedModel):
        shard_field = "key"
        key = models.BigIntegerField()
        record = models.ForeignKey(Record, models.CASCADE, related_name="+")

    assert ids_of(PointsOut, PointsIn, Many) == ["sharding.E008"] * 3
    assert ids_of(MayPointToAnotherNode) == ["sharding.E009"]
    assert apps.get_model("auth", "User") is User
