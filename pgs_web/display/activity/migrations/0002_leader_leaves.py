import django.db.models.deletion
from django.db import migrations, models

# Only the database's default goes to the database: with Django's beside it, SQLite would copy the table.
COLUMN = {
    "choices": [
        ("succession", "the next member leads on"),
        ("close", "the group closes, everybody is refunded"),
    ],
    "db_default": "succession",
    "help_text": "Groups keep the rule under which they were opened.",
    "max_length": 16,
    "verbose_name": "when a leader leaves",
}


class Migration(migrations.Migration):
    dependencies = [
        ("activity", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField(model_name="activity", name="leader_leaves", field=models.CharField(**COLUMN)),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="activity",
                    name="leader_leaves",
                    field=models.CharField(default="succession", **COLUMN),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RulesVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rules_version", models.PositiveIntegerField()),
                ("leader_leaves", models.CharField(max_length=16)),
                (
                    "activity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="activity.activity"
                    ),
                ),
            ],
            options={
                "verbose_name": "version of the rules",
                "verbose_name_plural": "versions of the rules",
                "constraints": [
                    models.UniqueConstraint(fields=["activity", "rules_version"], name="activity_rules_version_once")
                ],
            },
        ),
    ]
