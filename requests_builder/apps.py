from django.apps import AppConfig


class RequestsBuilderConfig(AppConfig):
    name = "requests_builder"
    verbose_name = "Requests"
