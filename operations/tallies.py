"""Counting what happens, for metrics: in memory at once, in the database every few seconds.

Counting costs no statement, so that it may stand in the way of each run. What a process has counted since its
last `flush` is lost when it is killed: seconds of a number that is looked at as a rate.
"""

import json
import threading
from collections import Counter

from django.db import Error, connection, transaction

from operations.models import Tally

# Of one name. A host that is named by a team is a label; whatever comes after these is counted as "other".
MOST_SERIES = 300
OTHER = "other"

_ADD = (
    "INSERT INTO operations_tally (name, labels, value) VALUES (%s, %s, %s) "
    "ON CONFLICT (name, labels) DO UPDATE SET value = operations_tally.value + excluded.value"
)

_lock = threading.Lock()
_counted: Counter[tuple[str, str]] = Counter()


def count(name: str, by: int = 1, **labels: str) -> None:
    """It has happened, once or several times. Also from several threads."""
    key = (name, json.dumps(labels, sort_keys=True))
    with _lock:
        _counted[key] += by


def flush() -> None:
    """Add what was counted to what stands in the database. What could not be written is kept.

    Raises django.db.Error.
    """
    with _lock:
        taken = dict(_counted)
        _counted.clear()
    if not taken:
        return
    try:
        with transaction.atomic():
            _add(taken)
    except Error:
        with _lock:
            _counted.update(taken)
        raise


def _add(taken: dict[tuple[str, str], int]) -> None:
    names = {name for name, _ in taken}
    known = set(Tally.objects.filter(name__in=names).values_list("name", "labels"))
    series = Counter(name for name, _ in known)
    added: Counter[tuple[str, str]] = Counter()
    for (name, labels), by in taken.items():
        if (name, labels) not in known and series[name] >= MOST_SERIES:
            labels = json.dumps(dict.fromkeys(json.loads(labels), OTHER), sort_keys=True)  # noqa: PLW2901
        elif (name, labels) not in known:
            series[name] += 1
        added[name, labels] += by
    # In one order everywhere: two processes that add to the same rows wait, and do not deadlock.
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [(*key, by) for key, by in sorted(added.items())])
