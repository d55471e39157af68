from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Purchase',
            fields=[
                ('order_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=31)),
                ('campaign_id', models.BigIntegerField()),
                ('cost_fen', models.BigIntegerField()),
                ('is_new_member', models.BooleanField()),
                ('counted_at', models.DateTimeField()),
                ('returned_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'play_purchase',
            },
        ),
    ]
