from django.db import migrations, models

from requests_builder.models.saved_requests import host_of


def fill_hosts(apps, schema_editor):
    SavedRequest = apps.get_model("requests_builder", "SavedRequest")
    for saved_request in SavedRequest.objects.only("pk", "url").iterator():
        SavedRequest.objects.filter(pk=saved_request.pk).update(host=host_of(saved_request.url))


class Migration(migrations.Migration):
    dependencies = [("requests_builder", "0007_write_modes")]

    operations = [
        migrations.AddField(
            model_name="savedrequest",
            name="host",
            field=models.CharField(blank=True, default="", editable=False, max_length=255),
        ),
        migrations.RunPython(fill_hosts, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state__in", ("queued", "running"))),
                fields=["team", "not_before", "leased_until", "id"],
                name="run_queue",
            ),
        ),
    ]
