"""The form of a request: what is sent, what of the answer is kept, and what keeps it from being sent."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.text import slugify

from accounts.models import Team, User
from connections import grants
from connections.forms import refuse_half_address
from connections.models import Connection
from requests_builder import expressions, importing, naming, records, rendering, runs, variables
from requests_builder.models import ApiKeyPlace, AuthorizationKind, BodyKind, SavedRequest, Table

from .authorization import AuthorizationFields
from .body import BodyFields
from .mapping import MappingField
from .pagination import PaginationFields, pagination_as_typed
from .pairs import Pair, PairsField, PairsWidget
from .settings import SettingsFields
from .variables import VariablesFields
from .writing import WritingFields

COMMON_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
NAME_TAKEN = "Your team has a request of this name already. Choose another name."


class SavedRequestForm(
    forms.ModelForm,  # type: ignore[type-arg]
    BodyFields,
    PaginationFields,
    WritingFields,
    VariablesFields,
    SettingsFields,
    AuthorizationFields,
):
    """A request as built on the page, or as one entry of a team's file.

    `is_trial`: it is sent once and not saved, so it needs no name of its own. `lets_undefined`: it may use
    variables that nobody has added yet; its runs fail until somebody has.
    """

    headers = PairsField(required=False)
    mapping = MappingField()
    table_name = forms.CharField(
        label="Table",
        required=False,
        max_length=100,
        help_text="Where the records go. Several requests may share one. Empty: named like the request.",
    )

    class Meta:
        model = SavedRequest
        fields = [
            "name",
            "method",
            "url",
            "headers",
            "body_kind",
            "body",
            "body_pairs",
            "graphql_variables",
            "body_media_type",
            "authorization_kind",
            "username",
            "api_key_name",
            "api_key_place",
            "connection",
            "timeout_seconds",
            "follow_redirects",
            "variables",
            "records_path",
            "mapping",
            "write_mode",
        ]
        labels = {
            "name": "Name",
            "method": "Method",
            "url": "URL",
            "body_kind": "Kind",
            "body": "Text",
            "graphql_variables": "Variables",
            "body_media_type": "Media type",
            "username": "Username",
            "api_key_name": "Key",
            "api_key_place": "Add to",
            "connection": "Connection",
            "timeout_seconds": "Timeout in seconds",
            "follow_redirects": "Follow redirects",
            "records_path": "JMESPath",
            "write_mode": "Write mode",
        }
        help_texts = {
            "name": "Empty: named after the URL.",
            "url": "",
            "body": "",
            "graphql_variables": "A JSON object, or nothing.",
            "body_media_type": "What the text is, such as text/csv. Empty: plain text.",
            "api_key_name": "The name that it is sent under, for example X-Api-Key.",
            "timeout_seconds": "How long one call may take altogether, from 1 to 120.",
            "follow_redirects": "To another host a redirect goes without your headers and credentials.",
            "records_path": "Where the answer holds the records, for example data, or what to make of them. "
            "Empty: the answer itself.",
            "write_mode": "Append adds the rows of each run. Update changes the rows whose key comes again "
            "and adds the others. Replace shows the rows of the last run only.",
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "method": forms.TextInput(
                attrs={
                    "list": "methods",
                    "autocomplete": "off",
                    "spellcheck": "false",
                    "class": "input-method",
                }
            ),
            "url": forms.TextInput(
                attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "https://"}
            ),
            "body_kind": forms.RadioSelect,
            "body": forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "mono"}),
            "graphql_variables": forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
            "body_media_type": forms.TextInput(
                attrs={"list": "media-types", "autocomplete": "off", "spellcheck": "false"}
            ),
            "authorization_kind": forms.RadioSelect,
            "username": forms.TextInput(attrs={"autocomplete": "off"}),
            "api_key_name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "records_path": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "write_mode": forms.RadioSelect,
        }

    # How a rendered request's parts are called here.
    _FIELD_OF_PROBLEM = {
        "method": "method",
        "url": "url",
        "headers": "headers",
        "body": "body",
        "body_pairs": "body_pairs",
        "graphql_variables": "graphql_variables",
        "body_media_type": "body_media_type",
        "authorization": "authorization_kind",
    } | {name: name for name in ("bearer_token", "username", "password", "api_key_name", "api_key_value")}

    def __init__(
        self,
        *args: Any,
        team: Team,
        user: User | None = None,
        is_trial: bool = False,
        lets_undefined: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.lets_undefined = lets_undefined
        self.instance.team = team
        self.is_trial = is_trial
        # The host that the connection's token may not go to, after validation; empty: it may.
        self.refused_host = ""
        stored: SavedRequest = self.instance
        self._before = {
            name: getattr(stored, name)
            for name in (*self.Meta.fields, "pagination", *self.WRITING, *self.SETTINGS)
        }
        self.remember_secret(stored)
        if stored._state.adding:
            stored.created_by = user
        choices = self.fields["connection"]
        assert isinstance(choices, forms.ModelChoiceField)
        choices.queryset = team.connections.all()
        choices.empty_label = "Choose a connection"
        # On the page its URL names a request that nobody has named; a file finds a request by its name.
        self.fields["name"].required = not is_trial and user is None
        for name, default in {
            "method": "GET",
            "body_kind": BodyKind.NONE,
            "authorization_kind": AuthorizationKind.NONE,
            "api_key_place": ApiKeyPlace.HEADER,
            "timeout_seconds": stored.timeout_seconds,
            "write_mode": stored.write_mode,
        }.items():
            self.fields[name].required = False
            self.fields[name].initial = default
        self.initial.setdefault("table_name", stored.table.name if stored.table else "")
        self.initial.update(pagination_as_typed(stored.pagination))
        self.show_writing(stored)
        self.show_settings(stored)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name and not self.is_trial and self._is_taken(name):
            raise ValidationError(NAME_TAKEN)
        return name

    def clean_method(self) -> str:
        return (self.cleaned_data["method"] or "GET").strip().upper()

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if importing.looks_like_curl(url):
            raise ValidationError(
                "This is a cURL command, not an address. In a browser with scripts, paste it into the empty "
                "field: it fills the whole builder."
            )
        if "url-as-shown" in self.data:
            # With a script, rows and URL say the same. Without one, the rows count if they were edited and
            # the query of the URL was not.
            before, rows = rendering.parameters_of(self.data["url-as-shown"]), self._posted_parameters()
            if rows != before and rendering.parameters_of(url) == before:
                url = rendering.url_with_parameters(url, rows)
        if not variables.has_any(rendering.RequestTemplate("GET", url)):
            refuse_half_address(url)
            if refusal := runs.refusal(url, None):
                raise ValidationError(str(refusal), code=refusal.code)
        if not self.is_trial and self.cleaned_data.get("name") == "":
            taken = set(self.instance.team.saved_requests.values_list("name", flat=True))
            self.cleaned_data["name"] = naming.name_from(url, taken)
        return url

    def clean_timeout_seconds(self) -> int:
        typed: int | None = self.cleaned_data["timeout_seconds"]
        seconds = 30 if typed is None else typed
        if not 1 <= seconds <= 120:
            raise ValidationError("A call may take from 1 to 120 seconds.")
        return seconds

    def clean_records_path(self) -> str:
        path: str = self.cleaned_data["records_path"].strip()
        try:
            records.validate_path(path)
        except expressions.InvalidPath as invalid:
            raise ValidationError(str(invalid)) from None
        return path

    def clean_table_name(self) -> str:
        name: str = self.cleaned_data["table_name"]
        called = self.cleaned_data.get("name", "")
        return name or slugify(called.replace(".", " "), allow_unicode=True).replace("-", "_") or "rows"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self.instance.variables = cleaned.get("variables", [])
        authorization = self.authorization_of(cleaned)
        cleaned["pagination"] = self.pagination_of(cleaned)
        self.check_writing(cleaned)
        self.take_settings(cleaned)
        template = rendering.RequestTemplate(
            method=cleaned.get("method", "GET"),
            # A wrong address has its sentence already; any right one lets the rest be judged.
            url=cleaned.get("url", "https://example.org/"),
            headers=tuple((name, value) for name, value in cleaned.get("headers", [])),
            **self.body_of(cleaned),
            authorization=authorization,
        )
        self.template = template
        self._check(template, cleaned.get("connection"))
        return cleaned

    @property
    def changed_settings(self) -> set[str]:
        """What is other than it was, once the form is valid: fields of the request, `secret`, `table`."""
        saved_request: SavedRequest = self.instance
        changed = {name for name, value in self._before.items() if getattr(saved_request, name) != value}
        if self.has_another_secret:
            changed.add("secret")
        if self.cleaned_data["table_name"] != (saved_request.table.name if saved_request.table else ""):
            changed.add("table")
        return changed

    def save_request(self) -> bool:
        """Save what was typed, with its table; a run that is under way begins anew.

        False when somebody has taken the name since the form was checked; then the form says so.
        """
        saved_request: SavedRequest = self.instance
        is_new = saved_request._state.adding
        try:
            with transaction.atomic():
                saved_request.table, _ = Table.objects.get_or_create(
                    team=saved_request.team, name=self.cleaned_data["table_name"]
                )
                # In the database: two edits at once are two versions.
                saved_request.version = 1 if is_new else F("version") + 1
                saved_request.save(update_fields=None if is_new else self._edited_columns())
                saved_request.keep_files()
        except IntegrityError:
            if not self._is_taken(saved_request.name):
                raise
            self.add_error("name", NAME_TAKEN)
            return False
        saved_request.refresh_from_db(fields=["version"])
        return True

    @property
    def parameter_pairs(self) -> list[Pair]:
        """The rows of Parameters: those that were posted, else those of the URL."""
        if self.is_bound and hasattr(self.data, "getlist"):
            return self._posted_parameters()
        return rendering.parameters_of(self.initial.get("url") or "")

    @property
    def header_pairs(self) -> list[Pair]:
        """The rows of Headers."""
        return [(name, value) for name, value in self["headers"].value() or []]

    def _edited_columns(self) -> list[str]:
        """All but how far its runs have come, which one may be storing now."""
        kept = set() if self.has_another_newest_field else {"watermark"}
        if self.has_another_newest_field:
            self.instance.watermark = None
        columns = [field.name for field in SavedRequest._meta.concrete_fields if not field.primary_key]
        return [name for name in columns if name not in kept]

    def _posted_parameters(self) -> list[Pair]:
        rows = PairsWidget().value_from_datadict(self.data, {}, "parameters")
        return [(name, value) for name, value in rows if name or value]

    def _check(self, template: rendering.RequestTemplate, connection: Connection | None) -> None:
        """Say what keeps this request from being sent, at the field that it is about."""
        foreseen = runs.foreseen(template, self.instance, connection, lets_undefined=self.lets_undefined)
        problems = foreseen.problems
        try:
            if not problems:
                rendering.render(foreseen.template)
        except rendering.InvalidRequest as invalid:
            problems = invalid.problems
        for problem in problems:
            self.add_error(self._FIELD_OF_PROBLEM.get(problem.field), problem.sentence)
        if problems or "url" in self.errors:
            return
        refusal = runs.refusal(foreseen.template.url, connection, foreseen.secrets)
        if refusal is None:
            return
        self.add_error("url", ValidationError(str(refusal), code=refusal.code))
        if isinstance(refusal, grants.HostNotAllowed):
            self.refused_host = refusal.host

    def _is_taken(self, name: str) -> bool:
        others = self.instance.team.saved_requests.exclude(pk=self.instance.pk)
        return bool(others.filter(name=name).exists())
