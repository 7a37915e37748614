"""Times as integers: milliseconds since 1970 in UTC, read from and written as ISO 8601."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

ISO_8601 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?"
    # A "+" that was not percent-encoded in a query arrives as a space.
    r"(?:([Zz])|([+ -])(\d\d):?(\d\d)?)?)?",
    re.ASCII,
)
# As `format_time` writes it, which is read far more often than anything else.
_OURS = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\.(\d{3})Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_time(text: str) -> int:
    """Read a date or a date with a time; without a zone it is UTC; finer than a millisecond is cut.

    Raises:
        ValueError: `text` is not such a time, or there is no such day.

    Source: clients send nanoseconds (thin-edge.io), no fraction (c8ydm), no zone and
    a bare date (c8y_api).
    """
    if ours := _OURS.fullmatch(text):
        day, hour, minute, second, millis = ours.groups()
        return _day_ms(day) + ((int(hour) * 60 + int(minute)) * 60 + int(second)) * 1000 + int(millis)
    match = ISO_8601.fullmatch(text)
    if not match:
        raise ValueError("not an ISO 8601 time")
    year, month, date, hour_, minute_, second_, fraction, _, sign, zone_h, zone_m = match.groups()
    moment = datetime(int(year), int(month), int(date), int(hour_ or 0), int(minute_ or 0), tzinfo=UTC)
    seconds = int(second_ or 0)
    # ISO 8601 knows leap seconds; POSIX time counts one as the first of the next minute.
    if seconds > 60 or int(zone_h or 0) > 23 or int(zone_m or 0) > 59:
        raise ValueError("no such time")
    total = (moment - _EPOCH) // _MILLISECOND + seconds * 1000 + int((fraction or "").ljust(3, "0")[:3])
    offset = (int(zone_h or 0) * 60 + int(zone_m or 0)) * 60_000
    total += offset if sign == "-" else -offset
    format_time(total)  # refuses what an offset moved out of the years 1 to 9999
    return total


@lru_cache(maxsize=4096)
def _day_ms(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def format_time(millis: int) -> str:
    """Write a time as `YYYY-MM-DDTHH:MM:SS.mmmZ`.

    Raises:
        ValueError: The time is outside the years 1 to 9999.
    """
    try:
        moment = _EPOCH + millis * _MILLISECOND
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
