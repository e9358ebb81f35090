from django.apps import AppConfig


class Config(AppConfig):
    """Makes the Celery app known wherever Django runs, so that a task sent by a page finds the broker.

    Not in `config/__init__.py`, as is the custom: the supervisor shares that and stays slim.
    """

    name = "config"

    def ready(self) -> None:
        from config import celery  # noqa: F401
