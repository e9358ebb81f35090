"""Addresses of setup, invitations and teams."""

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.home, name="home"),
    path("setup/<str:token>/", views.set_up, name="setup"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("teams/new/", views.team_new, name="team_new"),
    path("t/<slug:team>/team/", views.team, name="team"),
    path("t/<slug:team>/audit/", views.audit, name="audit"),
    path("t/<slug:team>/team/rename/", views.team_rename, name="team_rename"),
    path("t/<slug:team>/team/mails/", views.team_mails, name="team_mails"),
    path("t/<slug:team>/team/leave/", views.team_leave, name="team_leave"),
    path("t/<slug:team>/team/transfer/", views.team_transfer, name="team_transfer"),
    path("t/<slug:team>/team/members/<int:member>/role/", views.member_role, name="member_role"),
    path("t/<slug:team>/team/members/<int:member>/remove/", views.member_remove, name="member_remove"),
    path("t/<slug:team>/team/invitations/new/", views.invite, name="invite"),
    path(
        "t/<slug:team>/team/invitations/<uuid:invitation>/resend/",
        views.invitation_resend,
        name="invitation_resend",
    ),
    path(
        "t/<slug:team>/team/invitations/<uuid:invitation>/withdraw/",
        views.invitation_withdraw,
        name="invitation_withdraw",
    ),
]
