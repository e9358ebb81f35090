from django.urls import path

from connections import views

app_name = "connections"

urlpatterns = [
    path("oauth/callback", views.callback, name="callback"),
    path("oauth/callback/c/<uuid:uuid>", views.callback, name="callback_of_connection"),
    path("oauth/callback/<slug:preset>", views.callback, name="callback_of_preset"),
    path("oauth/flows/<uuid:uuid>/", views.flow, name="flow"),
    path("oauth/flows/<uuid:uuid>/go", views.flow_go, name="flow_go"),
    path("oauth/flows/<uuid:uuid>/status", views.flow_status, name="flow_status"),
    path("t/<slug:team>/connections/", views.connection_list, name="list"),
    path("t/<slug:team>/connections/new/", views.create, name="new"),
    path(
        "t/<slug:team>/connections/notices/<uuid:uuid>/dismiss/", views.notice_dismiss, name="notice_dismiss"
    ),
    path("t/<slug:team>/connections/presets/", views.preset_list, name="presets"),
    path("t/<slug:team>/connections/presets/<slug:preset>/", views.preset, name="preset"),
    path("t/<slug:team>/connections/presets/team/<uuid:uuid>/", views.team_preset, name="team_preset"),
    path(
        "t/<slug:team>/connections/presets/team/<uuid:uuid>/delete/",
        views.team_preset_delete,
        name="team_preset_delete",
    ),
    path("t/<slug:team>/connections/<uuid:uuid>/preset/", views.save_as_preset, name="save_as_preset"),
    path("t/<slug:team>/connections/<uuid:uuid>/", views.detail, name="detail"),
    path("t/<slug:team>/connections/<uuid:uuid>/edit/", views.edit, name="edit"),
    path("t/<slug:team>/connections/<uuid:uuid>/authorize/", views.authorize, name="authorize"),
    path("t/<slug:team>/connections/<uuid:uuid>/test/", views.try_out, name="test"),
    path("t/<slug:team>/connections/<uuid:uuid>/delete/", views.delete, name="delete"),
]
