"""What can be written between the braces, for people who look for it: a test keeps these true."""

EXAMPLES = (
    ("{{ today }}", "the day, as 2026-11-23"),
    ("{{ now }}", "the moment, as 2026-11-23T12:00:00Z"),
    ("{{ today - 7 days }}", "a week earlier; also minutes, hours, weeks, months, years"),
    ('{{ yesterday | date:"%d.%m.%Y" }}', "a date in a form of its own"),
    ("{{ now - 1 hour | unix }}", "seconds since 1970; unix_ms for milliseconds, iso for ISO 8601"),
    ("{{ start of month }}", "its first day; also of last week, next quarter, this year"),
    (
        "{{ last_run.due_at or today - 30 days | iso }}",
        "when the last run that succeeded was due, or something else",
    ),
    ("{{ connection.instance_url }}", "what the provider of the connection told"),
    ("{{ run.id }}", "an id that each run has of its own"),
)
