"""A request as somebody built it, and where its records go."""

import itertools
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db import models, transaction
from django.db.models import Q

from accounts.models import Team, User
from connections.encryption import EncryptedTextField
from connections.models import Connection
from requests_builder.rendering import BodyPart, InvalidRequest, Problem, Upload

from .request_files import RequestFile
from .tables import Table

if TYPE_CHECKING:
    from .schedules import Schedule


class BodyKind(models.TextChoices):
    """What a request carries; the media type comes with it."""

    NONE = "none", "None"
    JSON = "json", "JSON"
    FORM = "form", "Form"
    MULTIPART = "multipart", "Multipart"
    XML = "xml", "XML"
    GRAPHQL = "graphql", "GraphQL"
    RAW = "raw", "Raw"


class AuthorizationKind(models.TextChoices):
    """What a request proves itself with; the labels are those of the Authorization sub-tabs."""

    NONE = "none", "None"
    BEARER = "bearer", "Bearer token"
    BASIC = "basic", "Basic"
    API_KEY = "api_key", "API key"
    OAUTH = "oauth", "OAuth"


class ApiKeyPlace(models.TextChoices):
    HEADER = "header", "Header"
    QUERY = "query", "Query parameter"


class WriteMode(models.TextChoices):
    APPEND = "append", "Append"
    UPDATE = "update", "Update"
    REPLACE = "replace", "Replace"


class IfEmpty(models.TextChoices):
    """What Replace does when no records come."""

    REPLACE = "replace", "Replace with nothing"
    KEEP = "keep", "Keep the rows of before"


def no_pagination() -> dict[str, Any]:
    return {"kind": "none"}


# What a copy does not take over.
_OWN = frozenset({"id", "name", "version", "watermark", "created_by", "created_at", "updated_at"})


def host_of(url: str) -> str:
    """The host of a URL in lower case, without its port; empty where there is none, or a variable."""
    try:
        host = urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""
    return "" if {"{", "}", "%"} & set(host) else host[:255]


class SavedRequestQuerySet(models.QuerySet["SavedRequest"]):
    def with_last_run(self) -> "SavedRequestQuerySet":
        """Each with the id, state and due time of its newest run as `last_run_...`; None before the first."""
        # Runs know their request, so they are defined later.
        from .runs import Run

        newest = Run.objects.filter(saved_request=models.OuterRef("pk")).order_by("-due_at")
        return self.annotate(
            last_run_id=models.Subquery(newest.values("id")[:1]),
            last_run_state=models.Subquery(newest.values("state")[:1]),
            last_run_at=models.Subquery(newest.values("due_at")[:1]),
        )


class SavedRequest(models.Model):
    """A request as somebody built it, and where its records go.

    The query parameters are those of `url`: there is no second place that could say otherwise.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="saved_requests")
    name = models.CharField(max_length=100)
    method = models.CharField(max_length=20, default="GET")
    url = models.TextField()
    # Pairs of name and value, in order.
    headers = models.JSONField(default=list, blank=True)
    body_kind = models.CharField(max_length=10, choices=BodyKind.choices, default=BodyKind.NONE)
    # JSON, XML, raw text, or the query of GraphQL.
    body = models.TextField(blank=True)
    # Form and multipart: {"name": ..., "value": ...} in order; for a file also
    # "file" (its id), "filename" and "size", and no value.
    body_pairs = models.JSONField(default=list, blank=True)
    # A JSON object; empty: the query takes none.
    graphql_variables = models.TextField(blank=True)
    # Of a raw body; empty: plain text.
    body_media_type = models.CharField(max_length=200, blank=True)

    # Pairs of name and value: what `{{ name }}` stands for in it. They go before those of the team.
    variables = models.JSONField(default=list, blank=True)

    authorization_kind = models.CharField(
        max_length=10, choices=AuthorizationKind.choices, default=AuthorizationKind.NONE
    )
    username = models.CharField(max_length=500, blank=True)
    api_key_name = models.CharField(max_length=200, blank=True)
    api_key_place = models.CharField(max_length=10, choices=ApiKeyPlace.choices, default=ApiKeyPlace.HEADER)
    # The bearer token, the password, or the API key.
    secret = EncryptedTextField(null=True, blank=True, default=None)
    # Where the secret may go, if the host of the URL is a variable: the origin that it was entered for.
    secret_origin = models.CharField(max_length=300, blank=True)
    connection = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="saved_requests"
    )

    timeout_seconds = models.PositiveSmallIntegerField(default=30)
    follow_redirects = models.BooleanField(default=True)
    # MiB of one answer; None: as much as the host of the product allows.
    max_response_mb = models.PositiveSmallIntegerField(null=True, blank=True)
    # How often a page is asked for again when the other side fails.
    retries = models.PositiveSmallIntegerField(default=4)
    # How many requests a second the host may get, from all requests of the team with the same connection
    # together: the smallest number counts that one of them says. None: it says nothing.
    requests_per_second = models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    # Status codes that mean something else here; see `statuses`.
    statuses = models.JSONField(default=dict, blank=True)

    # A JMESPath to the records; empty: the answer itself.
    records_path = models.CharField(max_length=500, blank=True)
    # Which fields of a record become which columns; empty: everything, as it comes.
    mapping = models.JSONField(default=dict, blank=True)
    pagination = models.JSONField(default=no_pagination)
    write_mode = models.CharField(max_length=10, choices=WriteMode.choices, default=WriteMode.REPLACE)
    # Columns whose values together tell the records apart, for Append and Update.
    key_fields = models.JSONField(default=list, blank=True)
    # Only new records, for Append and Update: a path in the record as it came to what grows with newer
    # records, and the query parameter, if there is one, that asks for those from a value on. Empty: all.
    newest_field = models.CharField(max_length=500, blank=True)
    newest_parameter = models.CharField(max_length=200, blank=True)
    # Taken from the newest value, to catch records that come late; whole minutes.
    look_back = models.DurationField(default=timedelta(0))
    # The newest value so far, as it came: a text or a number. None: nothing has come yet.
    watermark = models.JSONField(null=True, default=None)
    # Update: rows whose key does not come any more go; beyond so many percent only after a question.
    delete_missing = models.BooleanField(default=False)
    delete_missing_percent = models.PositiveSmallIntegerField(default=30)
    # Replace: whether an answer without records counts.
    if_empty = models.CharField(max_length=10, choices=IfEmpty.choices, default=IfEmpty.REPLACE)
    table = models.ForeignKey(
        Table, on_delete=models.SET_NULL, null=True, blank=True, related_name="saved_requests"
    )

    # Grows with each edit: a run that goes on under another version begins anew.
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # The host that it calls, in lower case; empty where only a variable says. Runs take turns by it.
    host = models.CharField(max_length=255, blank=True, default="", editable=False)

    schedule: "Schedule"

    objects = SavedRequestQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="request_name_is_unique_in_team"),
            models.CheckConstraint(
                condition=Q(requests_per_second=None) | Q(requests_per_second__gt=0),
                name="request_rate_is_positive",
            ),
        ]
        indexes = [
            models.Index(
                fields=["team", "connection", "host"],
                condition=Q(requests_per_second__isnull=False),
                name="request_with_rate",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **options: Any) -> None:
        """Save it, with the host that its URL names."""
        self.host = host_of(self.url)
        super().save(*args, **options)

    @property
    def has_secret(self) -> bool:
        """Whether a token, password or key is stored. Decrypts nothing."""
        return self.__dict__.get("secret") is not None

    @property
    def chosen_files(self) -> dict[str, Upload]:
        """Files that rows of the body name and that are not stored yet, by their ids."""
        chosen: dict[str, Upload] = self.__dict__.setdefault("_chosen_files", {})
        return chosen

    @property
    def file_ids(self) -> set[str]:
        """The ids of the files that rows of the body name."""
        return {row["file"] for row in self.body_pairs if "file" in row}

    def uploads(self) -> dict[str, Upload]:
        """The files of the body by their ids. Raises DecryptionFailed."""
        wanted = self.file_ids - self.chosen_files.keys()
        stored = self.files.filter(pk__in=wanted) if wanted and not self._state.adding else ()
        return self.chosen_files | {str(file.pk): file.upload for file in stored}

    def parts_of(self, rows: list[dict[str, Any]]) -> tuple[BodyPart, ...]:
        """Rows of the body as they are sent. Raises InvalidRequest, and DecryptionFailed for a file."""
        uploads = self.uploads() if any("file" in row for row in rows) else {}
        for row in rows:
            if "file" in row and row["file"] not in uploads:
                sentence = f"The file {row['filename']} is gone. Choose it again under Body."
                raise InvalidRequest([Problem("body_pairs", sentence)])
        return tuple(
            BodyPart(str(row["name"]), str(row.get("value", "")), uploads.get(row.get("file", "")))
            for row in rows
        )

    def keep_files(self) -> None:
        """Store the chosen files that the body names, and remove stored ones that it names no more."""
        self.files.exclude(pk__in=self.file_ids).delete()
        for file_id in self.file_ids & self.chosen_files.keys():
            RequestFile.keep(self, file_id, self.chosen_files.pop(file_id))

    @transaction.atomic
    def duplicate(self, *, user: User) -> "SavedRequest":
        """Save a copy under the next free name, without schedule and runs; the secret is sealed anew."""
        # Of two copies at once, the second waits to see the name of the first.
        SavedRequest.objects.select_for_update().get(pk=self.pk)
        taken = set(self.team.saved_requests.values_list("name", flat=True))
        stem = self.name[:80]
        name = next(
            name
            for number in itertools.count(1)
            if (name := f"{stem} copy {number}".removesuffix(" 1")) not in taken
        )
        fields = {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.name not in _OWN
        }
        copy = SavedRequest(**fields, name=name, created_by=user)
        # A file belongs to one request: what is removed from the one stays with the other.
        uploads, ids = self.uploads(), {file_id: str(uuid.uuid4()) for file_id in self.file_ids}
        copy.body_pairs = [
            row | {"file": ids[row["file"]]} if "file" in row else row for row in self.body_pairs
        ]
        copy.chosen_files.update({ids[file_id]: upload for file_id, upload in uploads.items()})
        copy.save()
        copy.keep_files()
        return copy
