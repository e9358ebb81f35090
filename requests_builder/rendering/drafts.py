"""What keeps a body from being sent, said while it is typed."""

import re
from enum import StrEnum

from .bodies import objection_to_json, objection_to_xml

# A value comes here; what it is, nobody knows yet.
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


class Draft(StrEnum):
    """What is being typed."""

    JSON = "json"
    VARIABLES = "graphql_variables"
    XML = "xml"


def objection_to_draft(kind: Draft, text: str) -> str:
    """Why this cannot be sent as it stands, with line and column; empty if nothing speaks against it.

    What stands in double braces is taken for a value that fits, of the same length: places stay right.
    """
    filled = _PLACEHOLDER.sub(lambda match: "0".ljust(len(match[0])), text)
    match kind:
        case Draft.JSON:
            return objection_to_json(filled)
        case Draft.VARIABLES:
            objection = objection_to_json(filled, "The text of the variables")
            if not objection and not filled.strip().startswith("{"):
                objection = 'The variables must be a JSON object, such as {"first": 10}.'
            return objection
        case Draft.XML:
            # As it is sent: the declaration must stand at the very beginning.
            return objection_to_xml(filled.strip())
