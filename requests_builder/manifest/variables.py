"""Variables of a team in a file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import Team
from requests_builder.forms import TeamVariableForm
from requests_builder.models import DecryptionFailed, TeamVariable

from .changes import Changes
from .checking import check_keys, check_texts, named_entries
from .environment import Variables, escaped
from .errors import refuse
from .saving import check_form, save_form

_KEYS = ("name", "value", "secret", "hosts")


def variable_entries(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The variables of a file: a list of entries, or a mapping of names to plain values."""
    given = document.get("variables")
    if isinstance(given, dict):
        given = [{"name": name, "value": value} for name, value in given.items()]
    return named_entries({"variables": given}, "variables")


def apply_variable(team: Team, where: str, entry: Mapping[str, Any], changes: Changes, now: datetime) -> None:
    """Make or change one variable; what the entry leaves out stays as it was."""
    check_keys(where, entry, _KEYS)
    check_texts(where, entry, but=("secret", "hosts"))
    is_secret, hosts = entry.get("secret"), entry.get("hosts")
    if is_secret is not None and not isinstance(is_secret, bool):
        refuse(f"{where}.secret", "must be true or false")
    if hosts is not None and not (isinstance(hosts, list) and all(isinstance(host, str) for host in hosts)):
        refuse(f"{where}.hosts", "must be a list of hosts")
    existing = team.variables.filter(name=str(entry.get("name", "")).strip()).first()
    variable = existing or TeamVariable(team=team)
    data = {
        "name": entry.get("name", ""),
        "value": entry["value"] if "value" in entry else _kept(existing),
        "is_secret": variable.is_secret if is_secret is None else is_secret,
        "hosts": variable.hosts if hosts is None else hosts,
    }
    form = TeamVariableForm(data, instance=variable, team=team, user=None, keeps_blank="value" not in entry)
    check_form(where, form)
    changed = sorted(_KEYS_OF_FIELDS.get(name, name) for name in form.changed_settings)
    if existing is None or changed:
        save_form(where, form, lambda: form.save_variable(now=now))
    changes.note(f"variable {variable}", changed if existing else [], is_new=existing is None)


def exported_variable(variable: TeamVariable, names: Variables) -> dict[str, Any]:
    """The entry of a variable; a secret is `${NAME}`."""
    if not variable.is_secret:
        return {"name": variable.name, "value": escaped(_kept(variable))}
    exported = {"name": variable.name, "value": names.name("", variable.name), "secret": True}
    return exported | ({"hosts": variable.hosts} if variable.hosts else {})


_KEYS_OF_FIELDS = {"is_secret": "secret"}


def _kept(variable: TeamVariable | None) -> str:
    """The value of a plain variable; nothing for a secret, which the form keeps, or for one that is new."""
    if variable is None or variable.is_secret:
        return ""
    try:
        value: str = variable.value
    except DecryptionFailed:
        refuse(f"variable {variable}", "its value cannot be read any more: give it a new one")
    return value
