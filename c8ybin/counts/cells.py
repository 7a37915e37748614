"""Which number stands where in the block of a process: 64-bit floats, which count exactly up to 2^53."""

from dataclasses import dataclass

OTHER = "other"

METHODS = (OTHER, "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
# What the application and the server answer; RFC 9110, section 15.
STATUSES = (
    OTHER,
    *("200", "201", "204", "206", "304"),
    *(
        "400",
        "401",
        "403",
        "404",
        "405",
        "408",
        "409",
        "411",
        "412",
        "413",
        "414",
        "416",
        "422",
        "429",
        "431",
    ),
    *("500", "501", "503", "505", "507"),
)
# Why a login was refused: a wrong password, a wrong token, a pause after too many of these, too many at once.
LOGINS = ("password", "token", "paused", "crowded")
# The first is what belongs to no route.
MOST_ROUTES = 64


@dataclass(frozen=True, slots=True)
class Histogram:
    """Where a distribution stands: a count for each bucket, one above the last bound, then the sum of all values.

    Attributes:
        at: The first bucket.
        bounds: The buckets' inclusive upper bounds.
    """

    at: int
    bounds: tuple[float, ...]

    @property
    def sum_at(self) -> int:
        """Where the sum stands."""
        return self.at + len(self.bounds) + 1

    @property
    def end(self) -> int:
        """What follows."""
        return self.sum_at + 1


# What is there for the moment: the process itself, its connections, requests that wait for a thread, bodies that are
# being received.
PID, CONNECTIONS, WAITING, RECEIVING = range(4)
MOMENTARY = 4
# Since the server was started; the time of the last connection that was shed is that of the monotonic clock.
STARTS, SHED, SHED_AT, SYNCED_FILES, COMMITS = range(MOMENTARY, MOMENTARY + 5)
REFUSED = MOMENTARY + 5
SYNCS = Histogram(
    REFUSED + len(LOGINS),
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
BATCHES = Histogram(SYNCS.end, (1, 2, 4, 8, 16, 32, 64))

# Then a row for each route and method. From its beginning: a count for each status, bytes, durations in seconds.
ROWS = BATCHES.end
RECEIVED = len(STATUSES)
SENT = RECEIVED + 1
DURATIONS = Histogram(
    SENT + 1,
    (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
ROW_CELLS = DURATIONS.end
ROUTE_CELLS = len(METHODS) * ROW_CELLS

CELLS = ROWS + MOST_ROUTES * ROUTE_CELLS
