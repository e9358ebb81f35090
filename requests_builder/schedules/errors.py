"""What is wrong with a rule."""


class InvalidSchedule(ValueError):
    """The rule cannot be kept.

    `field` is the key that is wrong: every, daily, weekdays, weekly, monthly, at, short_months, cron,
    timezone, start, end; or schedule, for the whole.
    """

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence)
