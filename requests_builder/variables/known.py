"""What the names stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .moments import Moment, NoSuchMoment, is_timezone, named, parsed, start_of
from .names import TIMEZONE, hint_for
from .syntax import Choice, Expression


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that no page shows.

    `key` tells it from every other one, and is no secret. `text` is None where nobody needs it: a check or a
    preview. `hosts`: where it may be sent to; empty: anywhere.
    """

    name: str
    key: str
    text: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()


class Undefined(Exception):
    """There is no such variable; `name` is it, and `str()` a sentence that goes on after the expression."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        super().__init__(sentence)


class Unfit(Exception):
    """The value cannot stand there. `str()` goes on after its name."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the variables of one request stand for.

    `now` is what dates are counted from: when the run is due. `own` are the variables of the request and,
    where it has none of that name, of its team; `unreadable` those of its team that cannot be decrypted.
    """

    now: datetime
    own: Mapping[str, str | Secret] = field(default_factory=dict)
    connection: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, str | datetime] = field(default_factory=dict)
    last_run: Mapping[str, str | datetime] = field(default_factory=dict)
    timezone: str = "UTC"
    unreadable: frozenset[str] = frozenset()

    def value_of(self, expression: Expression) -> str | Secret:
        """What the expression stands for. Raises Undefined and Unfit."""
        undefined: Undefined | None = None
        for choice in expression.choices:
            try:
                return self._chosen(choice, expression)
            except Undefined as error:
                undefined = undefined or error
        assert undefined is not None
        raise undefined

    def _chosen(self, choice: Choice, expression: Expression) -> str | Secret:
        value = self._found(choice)
        if isinstance(value, Secret):
            if choice.shifts or expression.format:
                raise Unfit("is a secret, which is sent as it is: leave out what stands after its name.")
            return value
        if isinstance(value, str):
            if choice.text is not None or not (choice.shifts or expression.format):
                return value
            moment = parsed(value, self._zone)
            if moment is None:
                raise Unfit(f"is no date, because {choice.name} is not one: 2026-11-23 would be.")
            value = moment
        try:
            for shift in choice.shifts:
                value = value.shifted(shift)
        except NoSuchMoment:
            raise Unfit("leads out of the calendar.") from None
        return value.written(expression.format)

    def _found(self, choice: Choice) -> str | Secret | Moment:
        if choice.text is not None:
            return choice.text
        if choice.is_moment:
            now = self.now.astimezone(self._zone)
            return start_of(*choice.start, now) if choice.start else named(choice.name, now)
        namespace, dot, name = choice.name.partition(".")
        if dot and namespace == "connection":
            value: str | Secret | datetime | None = self.connection.get(name)
        elif dot and namespace == "run":
            value = self.run.get(name)
        elif dot and namespace == "last_run":
            value = self.last_run.get(name)
        else:
            value = self.own.get(choice.name)
        if value is None:
            raise Undefined(choice.name, self._unknown(choice.name, namespace if dot else ""))
        return Moment(value.astimezone(self._zone)) if isinstance(value, datetime) else value

    @property
    def _zone(self) -> ZoneInfo:
        if not is_timezone(self.timezone):
            raise Unfit(
                f"needs a time zone, and the variable {TIMEZONE} names none: it should be like Europe/Berlin."
            )
        return ZoneInfo(self.timezone)

    def _unknown(self, name: str, namespace: str) -> str:
        match namespace:
            case "connection" if not self.connection:
                told = "The connection has told no values: choose another one, or connect it again."
            case "connection":
                told = f"The connection has told {', '.join(sorted(self.connection))}."
            case "run":
                told = f"A run has {', '.join(f'run.{known}' for known in sorted(self.run))}."
            case "last_run" if not self.last_run:
                told = (
                    "No run of this request has succeeded yet. Say what stands in for it, as in "
                    f"{{{{ {name} or today - 30 days }}}}."
                )
            case "last_run":
                told = (
                    f"The last run has {', '.join(f'last_run.{known}' for known in sorted(self.last_run))}."
                )
            case _ if name in self.unreadable:
                return (
                    "cannot be read with the encryption keys of this installation. Enter its value again "
                    "under Variables."
                )
            case _:
                told = f"{hint_for(name, self.own)} For text in braces write \\{{{{."
        return f"is unknown. {told}"


# For checks that need no particular day.
SOME_MOMENT = datetime(2026, 1, 15, 12, tzinfo=UTC)
