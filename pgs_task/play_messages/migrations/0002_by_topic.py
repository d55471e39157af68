from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('play_messages', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='setasidemessage',
            index=models.Index(fields=['topic', 'id'], name='play_set_aside_of_topic'),
        ),
    ]
