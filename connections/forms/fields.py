"""Fields for what people write in lines: parameters, headers, hosts, signals. And a switch."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connections.grants.using import hosts
from connections.oauth2.signals import UnreadableSignal, read_signals

# RFC 9110 §5.6.2, and what of §5.5 a client should send.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VISIBLE = re.compile(r"[\x20-\x7e]*")
_PLACE = re.compile(r"\{([a-z_]+)\}")
_SECRETS = frozenset({"access_token", "client_secret", "code", "refresh_token"})
# What steers a request rather than says something in it.
_STEERING = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_MAX_PAIRS = 50
_MAX_SIGNALS = 20


class _Lines(forms.Textarea):
    """A text of several lines, none of them prose."""

    def __init__(self, rows: int = 3) -> None:
        super().__init__(attrs={"rows": rows, "spellcheck": "false", "autocapitalize": "none"})


class PairsField(forms.CharField):
    """Names and values, a pair on each line. A dict of texts in Python."""

    separator = "="
    wrong_line = "“{line}” is not name=value. Write each parameter on a line of its own."

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=_Lines(), **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        space = "" if self.separator == "=" else " "
        return "\n".join(f"{name}{self.separator}{space}{text}" for name, text in value.items())

    def to_python(self, value: Any) -> Any:
        given = value.items() if isinstance(value, Mapping) else self._typed(super().to_python(value) or "")
        pairs: dict[str, str] = {}
        for name, text in given:
            if not isinstance(name, str) or not isinstance(text, str):
                raise ValidationError(f"“{name}” and its value must be texts: put them in quotation marks.")
            if name.lower() in (taken.lower() for taken in pairs) if self.separator == ":" else name in pairs:
                raise ValidationError(f"“{name}” is there twice.")
            self.check_pair(name, text)
            pairs[name] = text
        if len(pairs) > _MAX_PAIRS:
            raise ValidationError(f"These are more than {_MAX_PAIRS}.")
        return pairs

    def check_pair(self, name: str, value: str) -> None:
        """Raise a ValidationError for what must not be sent."""

    def _typed(self, text: str) -> Iterator[tuple[str, str]]:
        for line in filter(None, map(str.strip, text.splitlines())):
            name, separator, value = (part.strip() for part in line.partition(self.separator))
            if not name or not separator:
                raise ValidationError(self.wrong_line.format(line=line))
            yield name, value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True


class ParametersField(PairsField):
    """Parameters: `prompt=consent`.

    `ours` are those that we send ourselves, which others of the same name would contradict; of them,
    `droppable` may be named with nothing behind the equals sign, to leave them out. `places` are the secrets
    that a value may name between braces.
    """

    def __init__(
        self,
        *,
        ours: Collection[str],
        droppable: Collection[str] = (),
        places: Collection[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ours, self.droppable, self.places = frozenset(ours), frozenset(droppable), tuple(places)

    def check_pair(self, name: str, value: str) -> None:
        if name in self.ours and not (name in self.droppable and not value):
            leave_out = f" To leave it out, write {name}= alone." if name in self.droppable else ""
            raise ValidationError(
                f"“{name}” is sent from the fields of this form. Remove it here.{leave_out}"
            )
        check_places(value, self.places)


class HeadersField(PairsField):
    """Headers of token requests: `Notion-Version: 2022-06-28`. What steers the request itself is ours."""

    separator = ":"
    wrong_line = "“{line}” is not Name: value. Write each header on a line of its own."

    def check_pair(self, name: str, value: str) -> None:
        check_header(name, value)
        check_places(value, ())


class HostsField(forms.CharField):
    """Hosts that a token may go to, one on each line; of a whole address its host. A list in Python."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=_Lines(), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        given = value if isinstance(value, list) else (super().to_python(value) or "").split()
        return list(dict.fromkeys(self._read(host) for host in given))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if len(value) > hosts.MAX_ALLOWED_HOSTS:
            raise ValidationError(f"A connection may have at most {hosts.MAX_ALLOWED_HOSTS} allowed hosts.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or []) != self.to_python(data))
        except ValidationError:
            return True

    def _read(self, host: object) -> str:
        if not isinstance(host, str):
            raise ValidationError(f"“{host}” must be a text: put it in quotation marks.")
        try:
            return hosts.read_host(host)
        except ValueError as refusal:
            raise ValidationError(f"{host}: {refusal}") from None


class SignalsField(forms.CharField):
    """Answers that mean that the token has run out, a rule on each line. A text in Python, too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=_Lines(), **options)

    def clean(self, value: Any) -> str:
        text = "\n".join(filter(None, map(str.strip, super().clean(value).splitlines())))
        try:
            rules = read_signals(text)
        except UnreadableSignal as unreadable:
            raise ValidationError(
                f"“{unreadable.line}” cannot be read. Write a status, a member of the JSON answer, or both: "
                "403, error=token_expired, 400 error.code=190."
            ) from None
        if len(rules) > _MAX_SIGNALS:
            raise ValidationError(f"These are more than {_MAX_SIGNALS} lines.")
        return text


class Switch(forms.CheckboxInput):
    """A checkbox that says "off" when it is off: what posts no word about it leaves it as it is."""

    def value_from_datadict(  # type: ignore[override]  # None is the whole point
        self, data: Any, files: Any, name: str
    ) -> bool | None:
        value = data.get(name)
        if value is None or isinstance(value, bool):
            return value
        return str(value).lower() in ("on", "true", "1")

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        off = forms.HiddenInput().render(name, "off", {}, renderer)
        # Of two values of one name the last one counts, and that is the checkbox if it is ticked.
        return off + super().render(name, value, attrs, renderer)


class SwitchField(forms.Field):
    """Yes, no, or (None) not a word about it."""

    widget = Switch

    def to_python(self, value: Any) -> bool | None:
        if value is not None and not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What a form shown again shows: a switch that was not on the page before is as it was stored."""
        return initial if data is None else data

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data is not None and bool(initial) != bool(data)


def check_header(name: str, value: str) -> None:
    """Raise a ValidationError for a header that cannot be sent, or that steers the request itself."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        raise ValidationError(f"“{name}” cannot be the name of a header.")
    if lower in _STEERING or lower.startswith(("content-", "proxy-", "sec-")):
        raise ValidationError(f"“{name}” is sent by ourselves. Remove it here.")
    if not value or not _VISIBLE.fullmatch(value):
        raise ValidationError(f"The value of “{name}” must be a line of letters, digits and plain signs.")


def check_places(value: str, known: Collection[str]) -> None:
    """Raise a ValidationError for a secret that would be filled in where it must not go."""
    for name in _PLACE.findall(value):
        if name in _SECRETS and name not in known:
            raise ValidationError(f"{{{name}}} must not be sent here. Remove it.")
