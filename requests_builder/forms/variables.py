"""Variables: those of a request, under Settings, and those of a team, on a page of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import Team, User, Verb
from connections import grants
from requests_builder import runs, variables
from requests_builder.models import DecryptionFailed, TeamVariable
from requests_builder.runs.uses import VARIABLE

from .pairs import Pair, PairsField

MAX_VARIABLES = 100
MAX_TEAM_VARIABLES = 500
MAX_VALUE_LENGTH = 20_000
MAX_HOSTS = 50


def _check_value(name: str, value: str) -> None:
    if len(value) > MAX_VALUE_LENGTH:
        raise ValidationError(f"The value of {name} is longer than {MAX_VALUE_LENGTH:,} characters.")
    if name == variables.TIMEZONE and not variables.is_timezone(value.strip()):
        raise ValidationError(
            f"{variables.TIMEZONE} says where the dates of a request are counted: enter a time zone such as "
            "Europe/Berlin."
        )


class VariablesField(PairsField):
    """Variables of a request: names that are there once, and their values."""

    def clean(self, value: Sequence[Pair]) -> list[list[str]]:
        pairs = super().clean(value)
        if len(pairs) > MAX_VARIABLES:
            raise ValidationError(f"A request may have at most {MAX_VARIABLES} variables.")
        seen: set[str] = set()
        for name, text in pairs:
            if not name:
                raise ValidationError("A variable has a value but no name.")
            if objection := variables.objection_to_name(name):
                raise ValidationError(objection)
            if name in seen:
                raise ValidationError(f"The variable {name} is there twice.")
            seen.add(name)
            _check_value(name, text)
        return pairs


class VariablesFields(forms.Form):
    """The field of a saved request that holds its variables."""

    variables = VariablesField(label="Variables", required=False)

    @property
    def variable_pairs(self) -> list[Pair]:
        """The rows of Variables."""
        return [(name, value) for name, value in self["variables"].value() or []]


class _Value(forms.Textarea):
    """Text that is not written into the page again while it is a secret."""

    is_shown = True

    def format_value(self, value: Any) -> Any:
        return super().format_value(value) if self.is_shown else ""


class HostsField(forms.Field):
    """Hosts, typed with blanks, commas or lines between them, kept as a list."""

    def prepare_value(self, value: Any) -> Any:
        return " ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        typed = value if isinstance(value, list) else str(value or "").replace(",", " ").split()
        hosts: list[str] = []
        for text in typed:
            try:
                hosts.append(grants.read_host(str(text)))
            except ValueError as error:
                raise ValidationError(f"{str(text)[:100]}: {error}") from None
        hosts = list(dict.fromkeys(hosts))
        if len(hosts) > MAX_HOSTS:
            raise ValidationError(f"A secret may be bound to at most {MAX_HOSTS} hosts.")
        return hosts


class TeamVariableForm(forms.ModelForm):  # type: ignore[type-arg]
    """A variable of a team. The value of a secret is never shown, and blank means keep.

    A stored value is asked for again where it would get into other hands: to be shown, or to other hosts.
    """

    value = forms.CharField(
        label="Value",
        required=False,
        strip=False,
        widget=_Value(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off", "class": "mono"}),
        help_text="Text, put in as its place in the request wants it.",
    )
    hosts = HostsField(
        label="Hosts",
        required=False,
        help_text="Where the secret may be sent, for example api.example.com; several with blanks between "
        "them. Without any, whoever builds requests can send it to any host.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = TeamVariable
        fields = ["name", "is_secret", "hosts"]
        labels = {"name": "Name", "is_secret": "Secret"}
        help_texts = {
            "name": "It is used as {{ name }}: letters, digits, _, - and dots.",
            "is_secret": "Its value is never shown again, and masked in previews, answers and rows.",
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}

    def __init__(
        self, *args: Any, team: Team, user: User | None, keeps_blank: bool = True, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        stored: TeamVariable = self.instance
        self._show_value(is_shown=not stored.is_secret)
        stored.team = team
        self._user = user
        self._is_new = stored._state.adding
        self._before = {name: getattr(stored, name) for name in ("name", "is_secret", "hosts")}
        self._stored = None if self._is_new else self._read(stored)
        self.is_readable = self._is_new or self._stored is not None
        # Of a plain variable that stands in the field, blank is a value like any other.
        self._keeps_blank = keeps_blank and stored.is_secret
        if self._is_new:
            stored.created_by = user
        elif stored.is_secret:
            self.fields["value"].help_text = "Stored. Leave this blank to keep it; it is never shown."
        else:
            self.initial["value"] = self._stored or ""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if objection := variables.objection_to_name(name):
            raise ValidationError(objection)
        if self._is_taken(name):
            raise ValidationError(_taken(name))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self._is_new and self.instance.team.variables.count() >= MAX_TEAM_VARIABLES:
            raise ValidationError(f"A team may have at most {MAX_TEAM_VARIABLES} variables.")
        is_secret, hosts = cleaned.get("is_secret", False), cleaned.get("hosts", [])
        self._show_value(is_shown=not is_secret)
        if not is_secret:
            cleaned["hosts"] = []
        if "hosts" not in self.errors and "name" not in self.errors:
            cleaned["value"] = self._clean_value(cleaned["name"], cleaned.get("value", ""), is_secret, hosts)
        return cleaned

    @property
    def changed_settings(self) -> set[str]:
        """What is other than it was, once the form is valid."""
        changed = {name for name, value in self._before.items() if getattr(self.instance, name) != value}
        if self.cleaned_data["value"] != self._stored:
            changed.add("value")
        return changed

    def save_variable(self, *, now: datetime) -> bool:
        """Save what was typed; runs under way of requests that use it begin anew, if that changes them.

        False when somebody has taken the name since the form was checked; then the form says so.
        """
        variable: TeamVariable = self.instance
        changed = set() if self._is_new else self.changed_settings
        variable.value = self.cleaned_data["value"]
        try:
            with transaction.atomic():
                variable.save()
                names = {variable.name, str(self._before["name"])}
                is_other_text = "value" in changed and not variable.is_secret
                if self._is_new or is_other_text or changed & {"name", "is_secret"}:
                    runs.begin_anew(variable.team, names)
                if self._is_new or changed:
                    audit.record(
                        Verb.CREATED if self._is_new else Verb.EDITED,
                        team_id=variable.team_id,
                        kind=VARIABLE,
                        object_id=variable.pk,
                        object_name=variable.name,
                        user=self._user,
                        now=now,
                        detail={"Fields": ", ".join(sorted(changed)), "Hosts": ", ".join(variable.hosts)},
                    )
        except IntegrityError:
            if not self._is_taken(variable.name):
                raise
            self.add_error("name", _taken(variable.name))
            return False
        return True

    def _clean_value(self, name: str, typed: str, is_secret: bool, hosts: list[str]) -> str:
        typed = typed.replace("\r\n", "\n")
        if is_secret:
            typed = typed.strip()
        if typed or not self._keeps_blank:
            if is_secret and not typed:
                self.add_error("value", "Enter the secret.")
            try:
                _check_value(name, typed)
            except ValidationError as error:
                self.add_error("value", error)
            return typed
        before = self._before["hosts"]
        if self._stored is None:
            self.add_error("value", "Enter it again: the stored one cannot be read any more.")
        elif not is_secret:
            self.add_error("value", "Enter it again: the stored value was a secret, and would be shown.")
        elif before and not (hosts and set(hosts) <= set(before)):
            self.add_error("value", "Enter it again: it could be sent to hosts that it was not meant for.")
        return self._stored or ""

    def _show_value(self, *, is_shown: bool) -> None:
        widget = self.fields["value"].widget
        assert isinstance(widget, _Value)
        widget.is_shown = is_shown

    def _is_taken(self, name: str) -> bool:
        return bool(self.instance.team.variables.exclude(pk=self.instance.pk).filter(name=name).exists())

    @staticmethod
    def _read(stored: TeamVariable) -> str | None:
        try:
            value: str = stored.value
        except DecryptionFailed:
            return None
        return value


def _taken(name: str) -> str:
    return f"Your team has a variable {name} already. Choose another name, or edit that one."
