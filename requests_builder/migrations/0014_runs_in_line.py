from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("requests_builder", "0013_incremental")]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("not_before", None), ("state", "queued")),
                fields=["schedule", "trigger", "due_at"],
                name="run_in_line",
            ),
        ),
    ]
