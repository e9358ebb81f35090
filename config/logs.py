"""How a line of a log looks, and what must not stand in one.

Django's lines, Celery's and gunicorn's take the same way. What is bound to the work at hand (the run that a
worker's thread works on, the request that a page was asked for by) stands in each line of it.
"""

import logging
import logging.config
import re
import sys
import threading
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FORMATS = ("console", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# A token that is a part of an address: of a feed, an invitation, the setup, a new password, a confirmed mail.
_IN_PATH = re.compile(r"(/(?:feeds|invitations|setup|password/reset/key|confirm-email)/)[^/\s?\"'\\]+")
# What follows in an address: codes, states, and the keys that some APIs want there.
_IN_QUERY = re.compile(r"\?[\w.\-~%\[\]]+=[^\s\"'<>\\]*")


def masked(text: str) -> str:
    """The text without the tokens that stand in addresses."""
    if "/" in text:
        text = _IN_PATH.sub(r"\1***", text)
    return _IN_QUERY.sub("?***", text) if "?" in text else text


def configuration(format_name: str, level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything to standard error, a line each."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "config.logs.formatter", "format_name": format_name}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Every 404 as a warning tells an operator nothing.
            "django.request": {"level": "ERROR"},
            # urllib3 logs each URL with its query, where some APIs want a key.
            "urllib3": {"level": "ERROR"},
        },
    }


def configure(configuration: dict[str, Any]) -> None:
    """Let lines look like this from now on. For programs also what Python would print past all logging."""
    logging.config.dictConfig(configuration)
    if configuration["formatters"]["line"]["format_name"] == "json":
        logging.captureWarnings(True)
        sys.excepthook = lambda kind, error, trace: _log_unforeseen(error)
        threading.excepthook = lambda thread: _log_unforeseen(thread.exc_value)


def _log_unforeseen(error: BaseException | None) -> None:
    logging.getLogger("python").critical("Nobody was prepared for this", exc_info=error)


def formatter(format_name: str) -> logging.Formatter:
    """Makes the line, whoever logged it."""
    line: Processor = _console_line if format_name == "console" else structlog.processors.JSONRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_tokens,
            line,
        ],
    )


def _without_tokens(logger: WrappedLogger, name: str, line: EventDict) -> EventDict:
    return {key: masked(value) if isinstance(value, str) else value for key, value in line.items()}


def _console_line(logger: WrappedLogger, name: str, line: EventDict) -> str:
    """Moment, level, who says it, what; then what it was bound to, and the traceback."""
    moment, level, who, said = (line.pop(key, "") for key in ("timestamp", "level", "logger", "event"))
    traceback = line.pop("exception", "")
    bound = "".join(f" {key}={value}" for key, value in sorted(line.items()))
    return f"{moment} {level.upper()} {who}: {said}{bound}" + (f"\n{traceback}" if traceback else "")
