
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_audit_and_mails'),
        ('connections', '0003_dialects'),
        ('requests_builder', '0015_alerts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Breaker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=255)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('is_tried', models.BooleanField(default=False)),
                ('trials', models.PositiveIntegerField(default=0)),
                ('free_at', models.FloatField(default=0)),
                ('interval', models.FloatField(default=0)),
                ('backlog_until', models.DateTimeField(blank=True, null=True)),
                ('backlog_free_at', models.FloatField(default=0)),
                ('changed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=255)),
                ('free_at', models.FloatField(default=0)),
                ('line_at', models.FloatField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('rate', models.FloatField(blank=True, null=True)),
                ('burst', models.FloatField(default=1)),
                ('failed_rate', models.FloatField(blank=True, null=True)),
                ('slowed_at', models.DateTimeField(blank=True, null=True)),
                ('changed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='savedrequest',
            name='requests_per_second',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=9, null=True),
        ),
        migrations.AddField(
            model_name='savedrequest',
            name='statuses',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddIndex(
            model_name='savedrequest',
            index=models.Index(condition=models.Q(('requests_per_second__isnull', False)), fields=['team', 'connection', 'host'], name='request_with_rate'),
        ),
        migrations.AddConstraint(
            model_name='savedrequest',
            constraint=models.CheckConstraint(condition=models.Q(('requests_per_second', None), ('requests_per_second__gt', 0), _connector='OR'), name='request_rate_is_positive'),
        ),
        migrations.AddField(
            model_name='breaker',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='breakers', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='pace',
            name='connection',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='connections.connection'),
        ),
        migrations.AddField(
            model_name='pace',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='paces', to='accounts.team'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.UniqueConstraint(fields=('team', 'host'), name='one_breaker_per_host'),
        ),
        migrations.AddConstraint(
            model_name='pace',
            constraint=models.UniqueConstraint(condition=models.Q(('connection__isnull', False)), fields=('team', 'host', 'connection'), name='one_pace_per_connection_and_host'),
        ),
        migrations.AddConstraint(
            model_name='pace',
            constraint=models.UniqueConstraint(condition=models.Q(('connection', None)), fields=('team', 'host'), name='one_pace_per_host'),
        ),
    ]
