r"""A line for each request in the combined format, with its duration in microseconds and its ID at the end.

    192.0.2.1 - ann [24/Nov/2026:12:00:00 +0000] "GET /event/events HTTP/1.1" 200 512 "-" "curl/8" 830 4f1c…

As httpd does, a quote and a backslash have a backslash before them, and what is no visible ASCII is `\xhh`;
a user's name has no spaces either. The query is left out, here and in the Referer, for it may hold secrets.

Source: Apache HTTP Server, mod_log_config.
"""

import re
import time

from c8ybin.domain.exchanges import Exchange
from c8ybin.logs.texts import shown_path

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Of a text, which gets four times as long where all of it is escaped.
_MOST_BYTES = 150
_UNSAFE = re.compile(r'["\\]|[^\x20-\x7e]')
_UNSAFE_IN_NAME = re.compile(r'["\\]|[^\x21-\x7e]')
_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\v": "\\v"}
_USER_INFO = re.compile(r"//[^/]*@")


def _escaped(match: re.Match[str]) -> str:
    return _NAMED.get(match[0]) or f"\\x{ord(match[0]):02x}"


def _text(raw: str | None, unsafe: re.Pattern[str] = _UNSAFE) -> str:
    """Write bytes that are held as Latin-1, as WSGI holds header fields."""
    return unsafe.sub(_escaped, raw[:_MOST_BYTES]) if raw else "-"


def _referer(value: str | None) -> str | None:
    return value and _USER_INFO.sub("//", re.split("[?#]", value, maxsplit=1)[0])


def access_line(exchange: Exchange) -> str:
    """Write the line, without its end."""
    notes = exchange.notes
    t = time.gmtime(exchange.time_ms // 1000)
    moment = (
        f"{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"
    )
    user = str(notes.get("user") or "").encode(errors="replace").decode("latin-1")
    asked = "-"
    if exchange.method is not None:
        asked = f"{_text(exchange.method)} {shown_path(exchange)} HTTP/{_text(exchange.version)}"
    return (
        f"{_text(notes.get('address') or exchange.peer, _UNSAFE_IN_NAME)} -"
        f" {_text(user, _UNSAFE_IN_NAME)} [{moment}]"
        f' "{asked}" {exchange.status} {exchange.sent or "-"}'
        f' "{_text(_referer(exchange.referer))}" "{_text(exchange.agent)}"'
        f" {exchange.duration_s * 1e6:.0f} {exchange.request_id}"
    )
