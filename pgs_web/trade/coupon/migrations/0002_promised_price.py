from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('coupon', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='coupon',
            name='price_fen',
            field=models.BigIntegerField(editable=False, null=True, verbose_name='one unit costs (fen)'),
        ),
        migrations.AlterField(
            model_name='coupon',
            name='stack_group',
            field=models.CharField(default='shop', help_text='An order takes one coupon of each kind, an exclusive one only by itself.', max_length=32, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='couponcampaign',
            name='stack_group',
            field=models.CharField(default='shop', help_text='An order takes one coupon of each kind, an exclusive one only by itself.', max_length=32, verbose_name='kind'),
        ),
    ]
