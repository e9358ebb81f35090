from django.urls import path

from requests_builder.views import (
    answers,
    bodies,
    builder,
    dashboard,
    feeds,
    importing,
    mapping,
    pagination,
    runs,
    schedule_pages,
    schedules,
    tables,
)

app_name = "requests_builder"

urlpatterns = [
    path("t/<slug:team>/", dashboard.dashboard, name="dashboard"),
    path("t/<slug:team>/requests/", builder.request_list, name="request_list"),
    path("t/<slug:team>/requests/new/", builder.request_new, name="request_new"),
    path("t/<slug:team>/requests/pagination-check/", pagination.pagination_check, name="pagination_check"),
    path("t/<slug:team>/requests/body-check/", bodies.body_check, name="body_check"),
    path("t/<slug:team>/requests/import/", importing.request_import, name="request_import"),
    path("t/<slug:team>/requests/import/curl/", importing.request_import_curl, name="request_import_curl"),
    path("t/<slug:team>/requests/import/<uuid:uuid>/", importing.request_pick, name="request_pick"),
    path("t/<slug:team>/requests/copy/", importing.request_copy, name="request_copy"),
    path("t/<slug:team>/requests/try/", builder.request_try, name="request_try"),
    path("t/<slug:team>/requests/second-page/", builder.request_second_page, name="request_second_page"),
    path("t/<slug:team>/requests/try/progress/", answers.try_progress, name="try_progress"),
    path("t/<slug:team>/requests/try/cancel/", answers.try_cancel, name="try_cancel"),
    path("t/<slug:team>/requests/answers/<uuid:uuid>/branch/", answers.answer_branch, name="answer_branch"),
    path("t/<slug:team>/requests/answers/<uuid:uuid>/body/", answers.answer_body, name="answer_body"),
    path("t/<slug:team>/requests/mapping/", mapping.request_mapping, name="request_mapping"),
    path("t/<slug:team>/requests/connections/", builder.connection_choices, name="connection_choices"),
    path("t/<slug:team>/requests/<uuid:uuid>/", builder.saved_request, name="request"),
    path("t/<slug:team>/requests/<uuid:uuid>/try/", builder.request_try, name="request_try_saved"),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/second-page/",
        builder.request_second_page,
        name="request_second_page_saved",
    ),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/duplicate/", builder.request_duplicate, name="request_duplicate"
    ),
    path("t/<slug:team>/requests/<uuid:uuid>/delete/", builder.request_delete, name="request_delete"),
    path("t/<slug:team>/requests/<uuid:uuid>/run-now/", builder.request_run_now, name="request_run_now"),
    path("t/<slug:team>/requests/<uuid:uuid>/schedule/", schedules.schedule, name="schedule"),
    path(
        "t/<slug:team>/requests/<uuid:uuid>/schedule/delete/",
        schedules.schedule_delete,
        name="schedule_delete",
    ),
    path("t/<slug:team>/schedules/", schedules.schedule_list, name="schedule_list"),
    path("t/<slug:team>/schedules/preview/", schedules.schedule_preview, name="schedule_preview"),
    path("t/<slug:team>/schedules/<uuid:uuid>/", schedule_pages.schedule_page, name="schedule_page"),
    path("t/<slug:team>/schedules/<uuid:uuid>/pause/", schedule_pages.schedule_pause, name="schedule_pause"),
    path(
        "t/<slug:team>/schedules/<uuid:uuid>/resume/", schedule_pages.schedule_resume, name="schedule_resume"
    ),
    path(
        "t/<slug:team>/schedules/<uuid:uuid>/backfill/",
        schedule_pages.schedule_backfill,
        name="schedule_backfill",
    ),
    path(
        "t/<slug:team>/schedules/<uuid:uuid>/backfill/stop/",
        schedule_pages.schedule_backfill_stop,
        name="schedule_backfill_stop",
    ),
    path("t/<slug:team>/runs/", runs.run_list, name="run_list"),
    path("t/<slug:team>/runs/<uuid:uuid>/", runs.run, name="run"),
    path("t/<slug:team>/runs/<uuid:uuid>/cancel/", runs.run_cancel, name="run_cancel"),
    path("t/<slug:team>/tables/", tables.table_list, name="table_list"),
    path("t/<slug:team>/tables/<uuid:uuid>/", tables.table, name="table"),
    path("t/<slug:team>/tables/<uuid:uuid>/rows.<slug:format>", tables.table_download, name="table_download"),
    path("t/<slug:team>/tables/<uuid:uuid>/rows/<int:row>/", tables.table_row, name="table_row"),
    path("t/<slug:team>/tables/<uuid:uuid>/runs/", tables.table_runs, name="table_runs"),
    path("t/<slug:team>/tables/<uuid:uuid>/feeds/", feeds.table_feeds, name="table_feeds"),
    path("t/<slug:team>/tables/<uuid:uuid>/feeds/<uuid:feed>/revoke/", feeds.feed_revoke, name="feed_revoke"),
    path("t/<slug:team>/tables/<uuid:uuid>/delete/", tables.table_delete, name="table_delete"),
    path("feeds/<str:token>/rows.<slug:format>", feeds.feed, name="feed"),
]
