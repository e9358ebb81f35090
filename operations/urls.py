"""Addresses of what is said about the product itself. They name no team."""

from django.urls import path

from operations import views

app_name = "operations"

urlpatterns = [path("silence/", views.silence, name="silence")]
