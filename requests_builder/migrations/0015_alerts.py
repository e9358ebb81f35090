import connections.encryption
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_audit_and_mails'),
        ('connections', '0003_dialects'),
        ('requests_builder', '0014_runs_in_line'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('round', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('is_recovery', models.BooleanField()),
                ('at', models.DateTimeField()),
                ('facts', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='AlertRules',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('failure_after', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('on_recovery', models.BooleanField(blank=True, null=True)),
                ('on_empty', models.BooleanField(blank=True, null=True)),
                ('late_after', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('on_drift', models.BooleanField(blank=True, null=True)),
                ('on_connection', models.BooleanField(blank=True, null=True)),
                ('pause_after', models.PositiveSmallIntegerField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'alert rules',
            },
        ),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('slack', 'Slack'), ('webhook', 'Signed webhook')], max_length=10)),
                ('name', models.CharField(max_length=100)),
                ('url', connections.encryption.EncryptedTextField(blank=True, default=None, null=True)),
                ('host', models.CharField(blank=True, max_length=300)),
                ('secret', connections.encryption.EncryptedTextField(blank=True, default=None, null=True)),
                ('previous_secret', connections.encryption.EncryptedTextField(blank=True, default=None, null=True)),
                ('previous_secret_until', models.DateTimeField(blank=True, null=True)),
                ('is_on', models.BooleanField(default=True)),
                ('last_sent_at', models.DateTimeField(blank=True, null=True)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['created_at'],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('send_at', models.DateTimeField()),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('dropped_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=500)),
            ],
            options={
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('failing', 'Failing'), ('paused', 'Paused after failures'), ('late', 'Late'), ('empty', 'No records'), ('drift', 'Fields changed')], max_length=10)),
                ('since', models.DateTimeField()),
                ('opened_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('told_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField(blank=True)),
                ('error_code', models.CharField(blank=True, max_length=50)),
                ('mender', models.CharField(blank=True, choices=[('nobody', 'nobody needs to act: it is tried again'), ('editor', 'whoever edits the request'), ('connection', 'whoever manages the connection'), ('provider', 'whoever runs the API'), ('host', 'whoever hosts this product')], max_length=10)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('counted_until', models.DateTimeField(blank=True, null=True)),
                ('since_pause', models.PositiveIntegerField(default=0)),
                ('stubborn', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='WatchMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seen_until', models.DateTimeField()),
                ('looked_back_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='schedule',
            name='stopped_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='run_just_finished'),
        ),
        migrations.AddField(
            model_name='alert',
            name='notice',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='connections.notice'),
        ),
        migrations.AddField(
            model_name='alert',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='alertrules',
            name='schedule',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_rules', to='requests_builder.schedule'),
        ),
        migrations.AddField(
            model_name='alertrules',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_rules', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='channel',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='channel',
            name='people',
            field=models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='channel',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alert_channels', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='alert',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='requests_builder.alert'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='channel',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='requests_builder.channel'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='incident',
            name='run',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='requests_builder.run'),
        ),
        migrations.AddField(
            model_name='incident',
            name='schedule',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='requests_builder.schedule'),
        ),
        migrations.AddField(
            model_name='incident',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='accounts.team'),
        ),
        migrations.AddField(
            model_name='alert',
            name='incident',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='requests_builder.incident'),
        ),
        migrations.AddConstraint(
            model_name='alertrules',
            constraint=models.UniqueConstraint(condition=models.Q(('schedule', None)), fields=('team',), name='one_set_of_alert_rules_per_team'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'email')), fields=('team',), name='one_mail_channel_per_team'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.UniqueConstraint(fields=('team', 'name'), name='channel_name_is_unique_in_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('dropped_at', None), ('sent_at', None)), fields=['send_at'], name='delivery_waiting'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('alert', 'channel', 'user'), name='one_delivery_per_person'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('user', None)), fields=('alert', 'channel'), name='one_delivery_per_channel'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['team', '-opened_at', '-id'], name='incident_history'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['team'], name='incident_open'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['ended_at'], name='incident_ended'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('schedule', 'kind'), name='one_open_incident_per_schedule_and_kind'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('incident', 'is_recovery'), name='one_alert_per_incident_and_one_on_recovery'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('notice', 'round'), name='one_alert_per_round_of_a_notice'),
        ),
    ]
