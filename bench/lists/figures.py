"""Medians over the rounds, and whether they are what the project holds itself to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.lists.works import Limit
from bench.workloads import Sample

# By the name of the work and the number of events; see `_of_sample`.
Figures = dict[tuple[str, int], dict[str, float]]


def _of_sample(sample: Sample) -> dict[str, float]:
    found = {
        name: float(value)
        for name, value in sample.items()
        if name not in ("work", "events", "round", "requests")
    }
    if sample.get("requests"):
        found["cpu_ms"] = found.pop("server_cpu_s") / sample["requests"] * 1e3
    return found


def medians(samples: Sequence[Sample]) -> Figures:
    """Return the medians over the rounds, and the memory that is more than that of an empty directory."""
    values: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        for name, value in _of_sample(sample).items():
            values[sample["work"], sample["events"]][name].append(value)
    found = {key: {name: median(of) for name, of in named.items()} for key, named in values.items()}
    if empty := found.pop(("memory", 0), None):
        for (work, _), of in found.items():
            if work == "memory":
                of["memory_over_mb"] = of["memory_mb"] - empty["memory_mb"]
    return found


def sizes(figures: Figures, work: str | None = None) -> list[int]:
    """Return the numbers of events that were measured, for a work or for any, in order."""
    return sorted({events for name, events in figures if work in (None, name)})


def growth(figures: Figures, work: str, value: str = "p50_ms") -> float | None:
    """Return a median at the most events over that at the fewest; None where there are not two, or it was nothing."""
    measured = sizes(figures, work)
    if len(measured) < 2:
        return None
    first, last = (figures[work, events][value] for events in (measured[0], measured[-1]))
    return last / first if first else None


def is_reached(limit: Limit, figures: Figures, work: str) -> bool | None:
    """Tell whether a work costs no more than it may; None where it may cost anything, or was not measured."""
    measured = sizes(figures, work)
    if limit.ratio:
        found = growth(figures, work)
        return None if found is None else found <= limit.ratio
    if limit.ms and measured:
        return figures[work, measured[-1]]["p50_ms"] <= limit.ms
    return None


@dataclass(frozen=True)
class Fact:
    """Something of a whole site.

    Attributes:
        work: What measures it.
        value: Its name among the medians.
        title: As in the table.
        at_most: The most that it may be; None where that decides nothing.
        at_least: The least.
    """

    work: str
    value: str
    title: str
    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:,g}"
        return "" if self.at_least is None else f"≥ {self.at_least:,g}"

    def found(self, figures: Figures, events: int) -> float | None:
        """Return what was measured."""
        return figures.get((self.work, events), {}).get(self.value)

    def is_reached(self, figures: Figures) -> bool | None:
        """Tell whether it is reached at the most events; None where anything is, or where it was not measured."""
        measured = [value for n in sizes(figures) if (value := self.found(figures, n)) is not None]
        if not measured:
            return None
        if self.at_most is not None:
            return measured[-1] <= self.at_most
        return None if self.at_least is None else measured[-1] >= self.at_least


FACTS = (
    Fact("start", "start_ms", "start to the first right list, ms", at_most=1_000),
    Fact("memory", "memory_over_mb", "memory over that of an empty directory, MB", at_most=100),
    Fact("reindex", "reindex_a_s", "reindex, warm, events/s", at_least=10_000),
    Fact("meanwhile", "meanwhile_ms", "slowest list during a reindex, ms"),
    Fact("inodes", "inodes_without", "inodes of an event without attachment", at_most=2),
    Fact("inodes", "inodes_with", "inodes of one with", at_most=4),
    Fact("inodes", "inodes_others", "inodes of days, hours and index, an event"),
)
