from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('play_bargain', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='round',
            name='initiator_device',
            field=models.CharField(db_default='', default='', editable=False, max_length=64),
        ),
    ]
