"""Medians of the samples, and the ratios that the project holds itself to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.workloads import UPLOADS_AT_ONCE, Sample

# Above it, what is measured is the generator as much as the server.
BUSY_GENERATOR = 0.9

# Medians of one subject in one workload, by name; see `_of_sample`.
Medians = dict[str, float]
Figures = dict[tuple[str, str], Medians]


def _of_sample(sample: Sample) -> Medians:
    """Return what one sample says, each value in the unit that its name tells."""
    found: Medians = {}
    if seconds := sample.get("seconds"):
        found["requests_a_s"] = sample["requests"] / seconds
        found["mb_a_s"] = sample["bytes"] / seconds / 1e6
        found["cpu_ms_a_request"] = sample["server_cpu_s"] / sample["requests"] * 1e3
        found["cpu_s_a_gb"] = sample["server_cpu_s"] / sample["bytes"] * 1e9
        if sample.get("generator_cpu_s") is not None:
            found["generator_busy"] = sample["generator_cpu_s"] / seconds
    if "peak_mb" in sample:
        found["over_idle_mb"] = sample["peak_mb"] - sample["idle_mb"]
    for name in ("idle_mb", "p50_ms", "p99_ms"):
        if sample.get(name) is not None:
            found[name] = sample[name]
    if "start_s" in sample:
        found["start_ms"] = sample["start_s"] * 1e3
    return found


def medians(samples: Sequence[Sample]) -> Figures:
    """Return the medians over the rounds; a sample with an error, or with no request, does not count."""
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        if not sample.get("errors") and sample.get("requests", 1):
            for name, value in _of_sample(sample).items():
                values[sample["workload"], sample["peer"]][name].append(value)
    return {key: {name: median(found) for name, found in of.items()} for key, of in values.items()}


@dataclass(frozen=True)
class Goal:
    """One thing that is to be reached.

    Attributes:
        work: What is done.
        against: What it is held against, as people call it.
        workload: Its name.
        value: Which median.
        peer: The other subject, of whose median c8ybin's is divided by; None for the plain value.
        at_least: The least that reaches it; None where `at_most` decides.
        at_most: The most that reaches it.
    """

    work: str
    against: str
    workload: str
    value: str
    peer: str | None
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, figures: Figures) -> tuple[float | None, bool | None]:
        """Return what was measured, and whether that is enough; None where it was not measured."""
        try:
            found = figures[self.workload, "c8ybin"][self.value]
            if self.peer:
                found /= figures[self.workload, self.peer][self.value]
        except (KeyError, ZeroDivisionError):
            return None, None
        if self.at_least is not None:
            return found, found >= self.at_least
        assert self.at_most is not None
        return found, found <= self.at_most


_SMALL_UPLOAD = "1 KiB durable upload, 16 clients"
_FLOOR = "the floor of the same files and fsyncs"
_NGINX, _TUS = "nginx, no fsync", "tus, no fsync"


def _big_upload(work: str, workload: str) -> tuple[Goal, ...]:
    return (
        Goal(work, _FLOOR, workload, "mb_a_s", "floor", at_least=0.7),
        Goal(work, _NGINX, workload, "mb_a_s", "nginx", at_least=0.8),
    )


def _big_download(work: str, workload: str) -> tuple[Goal, ...]:
    return (
        Goal(work, "nginx", workload, "mb_a_s", "nginx", at_least=1.0),
        Goal(work, "nginx, CPU a GB", workload, "cpu_s_a_gb", "nginx", at_most=1.0),
    )


GOALS = (
    Goal(_SMALL_UPLOAD, _FLOOR, "upload-1k", "requests_a_s", "floor", at_least=0.5),
    Goal(
        _SMALL_UPLOAD,
        "plain falcon + waitress, same fsyncs",
        "upload-1k",
        "requests_a_s",
        "plain-fsync",
        at_least=2,
    ),
    Goal(_SMALL_UPLOAD, _TUS, "upload-1k", "requests_a_s", "tus", at_least=3),
    *_big_upload("50 MB durable upload, 1 client", "upload-50m"),
    *_big_upload("50 MB durable upload, 16 clients", UPLOADS_AT_ONCE),
    Goal("5 MB chunks, durable", _TUS, "chunks-5m", "mb_a_s", "tus", at_least=2),
    Goal("1 KiB download, 16 clients", "nginx", "download-1k", "requests_a_s", "nginx", at_least=0.2),
    Goal("1 KiB download, 16 clients", "tus", "download-1k", "requests_a_s", "tus", at_least=5),
    *_big_download("50 MB download, 1 client", "download-50m"),
    *_big_download("50 MB download, 4 clients", "download-50m-4"),
    Goal("16 × 50 MB uploads at once", "MB over idle", UPLOADS_AT_ONCE, "over_idle_mb", None, at_most=8),
    Goal(
        "start to first answer", "python -c 'import falcon, waitress'", "start", "start_ms", "imports", at_most=2
    ),
)  # fmt: skip
