"""What is wrong with a request, as sentences for the fields that they are about."""

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong with a request.

    `field` is method, url, headers, body, body_pairs, graphql_variables, body_media_type or authorization;
    where a part of the latter is meant, bearer_token, username, password, api_key_name or api_key_value.
    """

    field: str
    sentence: str


class InvalidRequest(ValueError):
    """The request cannot be sent as typed; `problems` holds every reason, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        self.field, self.sentence = self.problems[0]
        super().__init__(" ".join(problem.sentence for problem in self.problems))
