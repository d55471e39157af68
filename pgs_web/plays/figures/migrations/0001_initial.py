from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='FigureEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('shard_key', models.BigIntegerField()),
                ('code', models.CharField(max_length=31)),
                ('campaign_id', models.BigIntegerField()),
                ('name', models.CharField(max_length=32)),
                ('amount', models.BigIntegerField()),
            ],
            options={
                'db_table': 'play_figure_entry',
            },
        ),
        migrations.CreateModel(
            name='FigureTotal',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('shard_key', models.BigIntegerField()),
                ('code', models.CharField(max_length=31)),
                ('campaign_id', models.BigIntegerField()),
                ('name', models.CharField(max_length=32)),
                ('amount', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'play_figure_total',
                'constraints': [models.UniqueConstraint(fields=('code', 'campaign_id', 'name'), name='play_figure_once')],
            },
        ),
    ]
