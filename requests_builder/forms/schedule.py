"""The form of a schedule."""

from typing import Any

from django import forms

from requests_builder import schedules
from requests_builder.models import Schedule


class ScheduleForm(forms.Form):
    """When a request runs by itself. `cleaned_data["rule"]` is the rule."""

    kind = forms.ChoiceField(
        label="Runs",
        choices=[
            ("minutes", "Every N minutes"),
            ("hours", "Every N hours"),
            ("daily", "Daily"),
            ("weekly", "Weekly"),
            ("cron", "Cron"),
        ],
    )
    every = forms.IntegerField(
        label="N", required=False, min_value=1, help_text="How many lie between two runs."
    )
    weekday = forms.ChoiceField(
        label="Day", required=False, choices=[(day.value, day.value.title()) for day in schedules.Weekday]
    )
    at = forms.CharField(
        label="At",
        required=False,
        max_length=5,
        widget=forms.TextInput(attrs={"type": "time"}),
        help_text="Hours and minutes, for example 06:00.",
    )
    cron = forms.CharField(
        label="Cron",
        required=False,
        max_length=250,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="Minute, hour, day of the month, month, day of the week: 0 6 * * 1-5 is 06:00 on weekdays.",
    )
    timezone = forms.CharField(
        label="Time zone",
        required=False,
        max_length=100,
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "timezones", "autocomplete": "off"}),
        help_text="For example Europe/Berlin.",
    )

    _FIELD_OF_RULE = {
        "every": "every",
        "daily": "at",
        "weekly": "weekday",
        "at": "at",
        "cron": "cron",
        "timezone": "timezone",
    }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        kind, zone = cleaned["kind"], cleaned["timezone"] or "UTC"
        if kind in ("minutes", "hours") and cleaned["every"] is None:
            self.add_error("every", f"Enter how many {kind} lie between two runs.")
            return cleaned
        try:
            match kind:
                case "minutes" | "hours":
                    rule = schedules.parse("every", every=f"{cleaned['every']} {kind}", timezone=zone)
                case "daily":
                    rule = schedules.parse("daily", daily=cleaned["at"], timezone=zone)
                case "weekly":
                    rule = schedules.parse(
                        "weekly", weekly=cleaned["weekday"], at=cleaned["at"], timezone=zone
                    )
                case _:
                    rule = schedules.parse("cron", cron=cleaned["cron"], timezone=zone)
            cleaned["rule"] = rule
        except schedules.InvalidSchedule as invalid:
            self.add_error(self._FIELD_OF_RULE.get(invalid.field), invalid.sentence)
        return cleaned

    @staticmethod
    def as_typed(schedule: Schedule) -> dict[str, Any]:
        """What the form shows for a schedule that exists."""
        rule = schedules.from_config(schedule.rule)
        match rule:
            case schedules.Minutes(count):
                typed: dict[str, Any] = {"kind": "minutes", "every": count}
            case schedules.Hours(count):
                typed = {"kind": "hours", "every": count}
            case schedules.Daily(at):
                typed = {"kind": "daily", "at": f"{at:%H:%M}"}
            case schedules.Weekly(weekday, at):
                typed = {"kind": "weekly", "weekday": weekday.value, "at": f"{at:%H:%M}"}
            case schedules.Cron(expression):
                typed = {"kind": "cron", "cron": expression}
        return typed | {"timezone": rule.timezone}
