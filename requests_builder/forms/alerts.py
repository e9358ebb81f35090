"""Where alerts go, and when people are told."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.forms import NameField
from accounts.models import User
from connections.forms.addresses import clean_endpoint
from requests_builder.alerts import Rules
from requests_builder.models import AlertRules, Channel, ChannelKind

MOST_IN_A_ROW = 1_000
MOST_MINUTES = 7 * 24 * 60


class ChannelForm(forms.Form):
    """A channel of one kind. The address is never shown again: empty keeps the one that is there."""

    name = NameField(label="Name")
    url = forms.CharField(
        label="URL",
        max_length=2_000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
    )
    addresses = forms.CharField(
        label="Members",
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="E-mail addresses of members, each on a line of its own. Empty: all members who may edit. "
        "Whoever has switched such mails off on the page Team gets none.",
    )

    _URLS = {
        ChannelKind.SLACK: (
            "Webhook URL",
            "In Slack: Apps → Incoming Webhooks → Add to a channel, for example "
            "https://hooks.slack.com/services/…; Mattermost, Rocket.Chat and others that take the same work, "
            "too.",
        ),
        ChannelKind.WEBHOOK: (
            "URL",
            "Where your program takes messages, for example https://example.org/hooks/alerts. Each is a POST "
            "with JSON, signed as Standard Webhooks describes.",
        ),
    }
    _NAMES = {
        ChannelKind.EMAIL: "How your team calls it.",
        ChannelKind.SLACK: "For example the name of the Slack channel: #data-alerts.",
        ChannelKind.WEBHOOK: "What gets the messages, for example On-call.",
    }

    def __init__(self, *args: Any, channel: Channel, **kwargs: Any) -> None:
        self.channel = channel
        self.kind = ChannelKind(channel.kind)
        self.people: Sequence[User] | None = None
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = self._NAMES[self.kind]
        self.fields["name"].initial = channel.name
        if self.kind == ChannelKind.EMAIL:
            del self.fields["url"]
            self.fields["addresses"].initial = "\n".join(
                channel.people.order_by("email").values_list("email", flat=True)
            )
            return
        del self.fields["addresses"]
        label, help_text = self._URLS[self.kind]
        self.fields["url"].label, self.fields["url"].help_text = label, help_text
        if channel.host:
            self.fields[
                "url"
            ].help_text = f"Stored: an address at {channel.host}. It is not shown again; empty keeps it."

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = self.channel.team.alert_channels.exclude(pk=self.channel.pk)
        if others.filter(name=name).exists():
            raise ValidationError("Another channel of this team has this name.")
        return name

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if not url:
            if self.channel.host:
                return ""
            raise ValidationError("Enter the address that the messages go to.")
        return clean_endpoint(url)

    def clean_addresses(self) -> str:
        """Raises a ValidationError that names the address; who they are is in `people`."""
        text: str = self.cleaned_data["addresses"]
        typed = dict.fromkeys(text.replace(",", " ").replace(";", " ").lower().split())
        members = self.channel.team.memberships.select_related("user")
        users = {member.user.email.lower(): member.user for member in members}
        for address in typed:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(f"“{address[:100]}” is not an e-mail address.") from None
            if address not in users:
                raise ValidationError(
                    f"{address} belongs to no member of this team. Invite them on the page Team first."
                )
        self.people = [users[address] for address in typed]
        return text


class RulesForm(forms.Form):
    """When people are told of the schedules of a team."""

    failure_after = forms.IntegerField(
        label="Failures in a row before an alert",
        min_value=0,
        max_value=MOST_IN_A_ROW,
        help_text="1: at the first failure; a run has been tried several times by then. 0: never. There is "
        "one alert, however often it fails after that.",
    )
    pause_after = forms.IntegerField(
        label="Failures in a row before the schedule is paused",
        min_value=0,
        max_value=MOST_IN_A_ROW,
        help_text="Only of a kind that trying again does not heal, or if it goes on for three days. Whoever "
        "gets alerts hears of it. 0: never.",
    )
    on_recovery = forms.BooleanField(
        label="Recovery",
        required=False,
        help_text="One message when it works again, to whoever heard of the trouble.",
    )
    late_after = forms.IntegerField(
        label="Minutes after which a due time is late",
        min_value=0,
        max_value=MOST_MINUTES,
        help_text="If a run has not begun by then. 0: never.",
    )
    on_empty = forms.BooleanField(
        label="No records",
        required=False,
        help_text="A run succeeds without a single record, and those before it had some. Requests that take "
        "only new records are left out.",
    )
    on_drift = forms.BooleanField(
        label="Fields changed",
        required=False,
        help_text="The records have other fields than the mapping, or values that do not fit.",
    )
    on_connection = forms.BooleanField(
        label="Connections",
        required=False,
        help_text="One needs a person, is out of order, or ends soon: to Slack and webhooks. By mail, "
        "members hear of it anyway.",
    )

    def __init__(self, *args: Any, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {name: getattr(rules, name) for name in self.fields}


class ScheduleRulesForm(forms.Form):
    """What one schedule has otherwise; empty: as the team has it."""

    _ABOUT_A_CONNECTION = "on_connection"

    def __init__(self, *args: Any, rules: Rules, own: AlertRules | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in RulesForm.base_fields.items():
            if name != self._ABOUT_A_CONNECTION:
                self.fields[name] = _optional(field, getattr(rules, name))
                self.fields[name].initial = _typed(getattr(own, name, None))


def _optional(field: forms.Field, of_team: bool | int) -> forms.Field:
    """The same field, with leave to say nothing."""
    if isinstance(field, forms.BooleanField):
        return forms.TypedChoiceField(
            label=field.label,
            required=False,
            empty_value=None,
            coerce=lambda value: value == "yes",
            choices=[("", f"As the team: {'on' if of_team else 'off'}"), ("yes", "On"), ("no", "Off")],
            help_text=field.help_text,
        )
    return forms.IntegerField(
        label=field.label,
        required=False,
        min_value=0,
        max_value=MOST_MINUTES if field.label == RulesForm.base_fields["late_after"].label else MOST_IN_A_ROW,
        widget=forms.NumberInput(attrs={"placeholder": f"As the team: {of_team}"}),
        help_text=field.help_text,
    )


def _typed(value: bool | int | None) -> str | int:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value
