"""The program's own log, on standard error: as text or as lines of JSON."""

import json
import logging
import re

from c8ybin.domain.times import format_time

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class _Text(logging.Formatter):
    """A line for each message, whatever a client brought into it; a traceback follows on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        record.message = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], record.message)
        return super().formatMessage(record)


class _Json(logging.Formatter):
    """A line of JSON for each message: `time`, `level`, `logger`, `message` and, after a failure, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it, without its end."""
        members = {
            "time": format_time(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return json.dumps(members)


def begin_log(level: str, form: str) -> None:
    """Log to standard error what is at least of a level, in one of the formats."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(handlers=[handler], level=level.upper())
    # Requests that wait for a thread are no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
