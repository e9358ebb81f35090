"""What must not stand in a log."""

import logging
import re

_FEED = re.compile(r"(/feeds/)[^/\s?\"']+")


class WithoutTokens(logging.Filter):
    """Masks the token of a feed, which is a part of its address, in whatever is logged about a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        sentence = record.getMessage()
        if "/feeds/" in sentence:
            record.msg, record.args = _FEED.sub(r"\1***", sentence), None
        return True
