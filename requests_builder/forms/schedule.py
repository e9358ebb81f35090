"""The form of a schedule, and that of a backfill."""

from datetime import datetime
from typing import Any

from django import forms

from requests_builder import schedules
from requests_builder.models import CatchUp, Overlap, Schedule

_EXACT_MINUTE = "%Y-%m-%dT%H:%M"
_DAYS = [(str(day), f"Day {day}") for day in range(1, 32)] + [("last", "The last day")]


def _wall_clock() -> forms.TextInput:
    return forms.TextInput(attrs={"type": "datetime-local"})


class ScheduleForm(forms.Form):
    """When a request runs by itself. `cleaned_data["rule"]` is the rule, beside it catch_up and overlap."""

    kind = forms.ChoiceField(
        label="Runs",
        choices=[
            ("minutes", "Every N minutes"),
            ("hours", "Every N hours"),
            ("daily", "Daily"),
            ("weekdays", "Weekdays"),
            ("weekly", "Weekly"),
            ("monthly", "Monthly"),
            ("cron", "Cron"),
        ],
    )
    every = forms.IntegerField(
        label="N", required=False, min_value=1, help_text="How many lie between two runs."
    )
    weekdays = forms.MultipleChoiceField(
        label="Days",
        required=False,
        choices=[(day.value, day.value.title()) for day in schedules.Weekday],
        widget=forms.CheckboxSelectMultiple,
    )
    day = forms.ChoiceField(label="Day of the month", required=False, choices=_DAYS)
    short_months = forms.ChoiceField(
        label="In shorter months",
        required=False,
        choices=[
            (schedules.ShortMonths.LAST_DAY, "On the last day"),
            (schedules.ShortMonths.SKIP, "Not at all"),
        ],
        help_text="What happens in a month that does not have day 29, 30 or 31.",
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
        help_text="For example Europe/Berlin. Times of day follow its clocks, also when they change.",
    )
    start = forms.CharField(
        label="Start",
        required=False,
        max_length=20,
        widget=_wall_clock(),
        help_text="Nothing is due before. N minutes or hours are counted from here.",
    )
    end = forms.CharField(
        label="End",
        required=False,
        max_length=20,
        widget=_wall_clock(),
        help_text="Nothing is due after this minute.",
    )
    catch_up = forms.ChoiceField(
        label="Catch up",
        required=False,
        choices=CatchUp.choices,
        initial=CatchUp.LATEST,
        help_text="Due times that passed during a pause, or while no scheduler was running.",
    )
    overlap = forms.ChoiceField(
        label="Overlap",
        required=False,
        choices=Overlap.choices,
        initial=Overlap.SKIP,
        help_text="A due time while the run before it is not finished. At most one waits.",
    )

    MORE = ("start", "end", "catch_up", "overlap")
    # Keys of a rule that have another name here.
    _FIELDS = {"daily": "at", "weekly": "weekdays", "monthly": "day"}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["catch_up"] = CatchUp(cleaned.get("catch_up") or CatchUp.LATEST)
        cleaned["overlap"] = Overlap(cleaned.get("overlap") or Overlap.SKIP)
        if self.errors:
            return cleaned
        kind = cleaned["kind"]
        if kind in ("minutes", "hours") and cleaned["every"] is None:
            self.add_error("every", f"Enter how many {kind} lie between two runs.")
            return cleaned
        try:
            cleaned["rule"] = schedules.from_config(_config(kind, cleaned))
        except schedules.InvalidSchedule as invalid:
            field = "at" if invalid.field == "weekdays" else self._FIELDS.get(invalid.field, invalid.field)
            self.add_error(field if field in self.fields else None, invalid.sentence)
        return cleaned

    def refuse_if_never(self, now: datetime) -> None:
        """Refuse a rule of which nothing is due after `now`: its end has been, or comes too soon."""
        rule = self.cleaned_data.get("rule")
        if rule is None:
            return
        try:
            if rule.next_after(now) is None:
                self.add_error("end", "It would never run: nothing is due between now and the end.")
        except schedules.InvalidSchedule as invalid:
            self.add_error("cron", invalid.sentence)

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
            case schedules.Weekdays(at):
                typed = {"kind": "weekdays", "at": f"{at:%H:%M}"}
            case schedules.Weekly(days, at):
                typed = {"kind": "weekly", "weekdays": [day.value for day in days], "at": f"{at:%H:%M}"}
            case schedules.Monthly(day, at, short):
                typed = {"kind": "monthly", "day": str(day), "at": f"{at:%H:%M}", "short_months": short.value}
            case schedules.Cron(expression):
                typed = {"kind": "cron", "cron": expression}
        return typed | {
            "timezone": rule.timezone,
            "start": f"{rule.start:{_EXACT_MINUTE}}" if rule.start else "",
            "end": f"{rule.end:{_EXACT_MINUTE}}" if rule.end else "",
            "catch_up": schedule.catch_up,
            "overlap": schedule.overlap,
        }


def _config(kind: str, cleaned: dict[str, Any]) -> dict[str, Any]:
    """The rule as a file would have it."""
    bounds = {key: cleaned[key] for key in ("start", "end") if cleaned[key]}
    bounds["timezone"] = cleaned["timezone"] or "UTC"
    match kind:
        case "minutes" | "hours":
            return {"every": f"{cleaned['every']} {kind}", **bounds}
        case "daily" | "weekdays":
            return {kind: cleaned["at"], **bounds}
        case "weekly":
            return {"weekly": cleaned["weekdays"], "at": cleaned["at"], **bounds}
        case "monthly":
            short = cleaned["short_months"] or schedules.ShortMonths.LAST_DAY.value
            return {"monthly": cleaned["day"], "at": cleaned["at"], "short_months": short, **bounds}
        case _:
            return {"cron": cleaned["cron"], **bounds}


class BackfillForm(forms.Form):
    """A range of the past on the clocks of the schedule's zone; cleaned, begin and end are moments."""

    begin = forms.CharField(label="From", max_length=20, widget=_wall_clock())
    end = forms.CharField(label="To", max_length=20, widget=_wall_clock())

    def __init__(self, *args: Any, zone: str, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone, self._now = zone, now
        for name in ("begin", "end"):
            self.fields[name].help_text = f"On the clocks of {zone}."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        walls: dict[str, datetime | None] = {}
        for name, key in (("begin", "start"), ("end", "end")):
            try:
                walls[name] = schedules.wall_clock_time(cleaned.get(name), key, self._zone)
            except schedules.InvalidSchedule as invalid:
                self.add_error(name, invalid.sentence)
        if self.errors:
            return cleaned
        begin, end = walls["begin"], walls["end"]
        assert begin
        assert end
        cleaned["begin"] = schedules.moment_of(begin, self._zone)
        cleaned["end"] = schedules.end_of_minute(end, self._zone)
        if cleaned["end"] < cleaned["begin"]:
            self.add_error("end", "The end lies before the beginning.")
        elif cleaned["begin"] > self._now:
            self.add_error("begin", "This has not been yet: a backfill makes up for the past.")
        return cleaned
