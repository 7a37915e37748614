"""What `c8ybin top` shows: figures of a span of time, from what /metrics told at its two ends."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from c8ybin.domain.times import format_time

_PREFIX = "c8ybin_"
# What a server is asked in order to be watched says nothing of its work.
_OF_WATCHING = "/metrics"

Labels = tuple[tuple[str, str], ...]
Buckets = dict[float, float]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What /metrics told.

    Attributes:
        at_s: When, on the monotonic clock.
        samples: For each name, without `c8ybin_`, the values by their labels.
    """

    at_s: float
    samples: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a value; None where it was not told."""
        return self.samples.get(name, {}).get(tuple(sorted(labels.items())))

    def labelled(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return all values of a name with their labels."""
        return [(dict(labels), value) for labels, value in self.samples.get(name, {}).items()]


def read_metrics(text: str) -> Reading:
    """Read the Prometheus text format.

    Raises:
        ValueError: It is none.
    """
    # Here, for no other command needs it.
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            of_name = samples.setdefault(sample.name.removeprefix(_PREFIX), {})
            of_name[tuple(sorted(sample.labels.items()))] = sample.value
    if "start_time_seconds" not in samples:
        raise ValueError("not the metrics of c8ybin")
    return Reading(time.monotonic(), samples)


def quantile(buckets: Buckets, share: float) -> float | None:
    """Return the value below which a share of all values is, as Prometheus estimates it; None of no values.

    Args:
        buckets: How many values were at most each bound; the greatest bound is infinite.
        share: From 0 to 1.
    """
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    wanted, below, start = share * total, 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= wanted and count > below:
            # Beyond the last finite bound nothing more is known.
            return (
                start if math.isinf(bound) else start + (bound - start) * (wanted - below) / (count - below)
            )
        below, start = count, bound
    return start


class Span:
    """What happened between two readings."""

    def __init__(self, before: Reading, after: Reading) -> None:
        is_restarted = before.value("start_time_seconds") != after.value("start_time_seconds")
        # Counters begin at nothing in a server that was started meanwhile.
        self._before = Reading(before.at_s) if is_restarted else before
        self._after = after
        self.seconds = max(after.at_s - before.at_s, 1e-3)

    def rate(self, name: str, wants: Callable[[dict[str, str]], bool] = lambda _: True) -> float:
        """Return by how much the values of a name have grown a second, of those whose labels are wanted."""
        grown = 0.0
        for labels, value in self._after.labelled(name):
            if wants(labels):
                grown += value - (self._before.value(name, **labels) or 0.0)
        return grown / self.seconds

    def buckets(self, name: str, wants: Callable[[dict[str, str]], bool] = lambda _: True) -> Buckets:
        """Return what was added to the buckets of a distribution."""
        found: Buckets = {}
        for labels, value in self._after.labelled(f"{name}_bucket"):
            if wants(labels):
                bound = float(labels["le"])
                more = value - (self._before.value(f"{name}_bucket", **labels) or 0.0)
                found[bound] = found.get(bound, 0.0) + more
        return found


def figures_of(before: Reading, after: Reading) -> Figures:
    """Return what is shown; rates are a second, times in seconds, sizes in bytes."""
    span = Span(before, after)
    durations = span.buckets("request_duration_seconds", _is_work)
    syncs = span.buckets("fsync_seconds")
    batches = span.rate("commit_batch_count")
    troubles = [labels["kind"] for labels, value in after.labelled("trouble") if value]
    return {
        "time": format_time(time.time_ns() // 1_000_000),
        "seconds": round(span.seconds, 3),
        "version": next((labels["version"] for labels, _ in after.labelled("build_info")), None),
        "startedAt": format_time(round(1000 * (after.value("start_time_seconds") or 0.0))),
        "requests": {
            "rate": _rounded(span.rate("requests_total", _is_work)),
            "refused": _rounded(
                span.rate("requests_total", lambda of: _is_work(of) and of["status"][0] == "4")
            ),
            "failed": _rounded(
                span.rate("requests_total", lambda of: _is_work(of) and of["status"][0] == "5")
            ),
            "received": _rounded(span.rate("received_bytes_total", _is_work)),
            "sent": _rounded(span.rate("sent_bytes_total", _is_work)),
            "p50": _rounded(quantile(durations, 0.5)),
            "p99": _rounded(quantile(durations, 0.99)),
            "waiting": _whole(after, "requests_waiting"),
        },
        "fsyncs": {
            "rate": _rounded(span.rate("fsync_seconds_count")),
            "p50": _rounded(quantile(syncs, 0.5)),
            "p99": _rounded(quantile(syncs, 0.99)),
        },
        "commits": {
            "rate": _rounded(span.rate("commits_total")),
            "together": _rounded(span.rate("commit_batch_sum") / batches) if batches else None,
        },
        "uploads": {
            "receiving": _whole(after, "uploads_receiving"),
            "incomplete": _whole(after, "uploads_incomplete"),
        },
        "connections": {
            "open": _whole(after, "connections"),
            "shed": _rounded(span.rate("connections_shed_total")),
        },
        "logins": {"refused": _rounded(span.rate("logins_refused_total"))},
        "workers": {
            "running": _whole(after, "workers"),
            "wanted": _whole(after, "workers_wanted"),
            "restarts": _whole(after, "worker_restarts_total"),
        },
        "store": {
            "up": bool(after.value("up")),
            "trouble": troubles[0] if troubles else None,
            "events": _whole(after, "events"),
            "attachments": _whole(after, "attachments"),
            "bytes": _whole(after, "stored_bytes"),
        },
        "disk": {
            "free": _whole(after, "disk_free_bytes"),
            "total": _whole(after, "disk_total_bytes"),
            "reserve": _whole(after, "disk_reserve_bytes"),
        },
        "index": {
            "usable": bool(after.value("index_usable")),
            "columns": _whole(after, "index_columns"),
            "lines": _whole(after, "index_lines"),
            "age": _rounded(after.value("index_age_seconds")),
        },
        "routes": list(_routes(span, after)),
    }


def _routes(span: Span, after: Reading) -> Iterable[Figures]:
    """Return the figures of each route and method that was asked, the busiest first."""
    rows = []
    for asked, _ in after.labelled("request_duration_seconds_count"):
        durations = span.buckets(
            "request_duration_seconds",
            lambda of, asked=asked: of.items() >= asked.items(),  # type: ignore[misc]
        )
        if _is_work(asked) and max(durations.values(), default=0) > 0:
            rows.append(
                {
                    "method": asked["method"],
                    "route": asked["route"],
                    "rate": _rounded(max(durations.values()) / span.seconds),
                    "p50": _rounded(quantile(durations, 0.5)),
                    "p99": _rounded(quantile(durations, 0.99)),
                }
            )
    return sorted(rows, key=lambda row: -row["rate"])


def _is_work(labels: Mapping[str, str]) -> bool:
    return labels["route"] != _OF_WATCHING


def _rounded(value: float | None) -> float | None:
    """Return it with six digits after the point: microseconds."""
    return None if value is None else round(value, 6)


def _whole(reading: Reading, name: str) -> int | None:
    value = reading.value(name)
    return None if value is None else round(value)
