"""Where every address leads. Each app knows its own."""

from django.contrib import admin
from django.urls import include, path

from config import metrics, probes

admin.autodiscover()

urlpatterns = [
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", metrics.metrics),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("", include("operations.urls")),
    path("", include("accounts.urls")),
    path("", include("connections.urls")),
    path("", include("requests_builder.urls")),
]
