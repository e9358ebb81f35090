from django.urls import path

from requests_builder.views import (
    builder,
    dashboard,
    importing,
    mapping,
    pagination,
    runs,
    schedules,
    tables,
    writing,
)

app_name = "requests_builder"

urlpatterns = [
    path("t/<slug:team>/", dashboard.dashboard, name="dashboard"),
    path("t/<slug:team>/requests/", builder.request_list, name="request_list"),
    path("t/<slug:team>/requests/new/", builder.request_new, name="request_new"),
    path("t/<slug:team>/requests/pagination-check/", pagination.pagination_check, name="pagination_check"),
    path("t/<slug:team>/requests/import/", importing.request_import, name="request_import"),
    path("t/<slug:team>/requests/copy/", importing.request_copy, name="request_copy"),
    path("t/<slug:team>/requests/try/", builder.request_try, name="request_try"),
    path("t/<slug:team>/requests/mapping/", mapping.request_mapping, name="request_mapping"),
    path("t/<slug:team>/requests/connections/", builder.connection_choices, name="connection_choices"),
    path("t/<slug:team>/requests/<uuid:uuid>/", builder.saved_request, name="request"),
    path("t/<slug:team>/requests/<uuid:uuid>/try/", builder.request_try, name="request_try_saved"),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/duplicate/", builder.request_duplicate, name="request_duplicate"
    ),
    path("t/<slug:team>/requests/<uuid:uuid>/delete/", builder.request_delete, name="request_delete"),
    path("t/<slug:team>/requests/<uuid:uuid>/run-now/", builder.request_run_now, name="request_run_now"),
    path("t/<slug:team>/requests/<uuid:uuid>/reset/", writing.request_reset, name="request_reset"),
    path("t/<slug:team>/requests/<uuid:uuid>/newest/", writing.request_watermark, name="request_watermark"),
    path("t/<slug:team>/requests/<uuid:uuid>/schedule/", schedules.schedule, name="schedule"),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/schedule/pause/", schedules.schedule_pause, name="schedule_pause"
    ),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/schedule/resume/",
        schedules.schedule_resume,
        name="schedule_resume",
    ),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/schedule/delete/",
        schedules.schedule_delete,
        name="schedule_delete",
    ),
    path("t/<slug:team>/schedules/", schedules.schedule_list, name="schedule_list"),
    path("t/<slug:team>/schedules/preview/", schedules.schedule_preview, name="schedule_preview"),
    path("t/<slug:team>/runs/", runs.run_list, name="run_list"),
    path("t/<slug:team>/runs/<uuid:uuid>/", runs.run, name="run"),
    path(
        "t/<slug:team>/runs/<uuid:uuid>/delete-missing/",
        writing.run_delete_missing,
        name="run_delete_missing",
    ),
    path("t/<slug:team>/tables/", tables.table_list, name="table_list"),
    path("t/<slug:team>/tables/<uuid:uuid>/", tables.table, name="table"),
    path("t/<slug:team>/tables/<uuid:uuid>/rows.csv", tables.table_csv, name="table_csv"),
    path("t/<slug:team>/tables/<uuid:uuid>/rows.json", tables.table_json, name="table_json"),
    path("t/<slug:team>/tables/<uuid:uuid>/rows.ndjson", tables.table_ndjson, name="table_ndjson"),
    path("t/<slug:team>/tables/<uuid:uuid>/delete/", tables.table_delete, name="table_delete"),
]
