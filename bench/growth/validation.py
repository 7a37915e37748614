"""The model against what was measured and is no input."""

from dataclasses import dataclass

from bench.growth.inputs import measured, request
from bench.growth.model import shared
from bench.growth.queues import solve

# All of it ran on one machine of two CPUs.
_CORES = 2


@dataclass(frozen=True)
class Point:
    """One measured value, and what the model says instead.

    Attributes:
        what: What was measured.
        unit: `/s` or `us`.
        measured: The value.
        predicted: The model's.
        source: Where it was measured.
    """

    what: str
    unit: str
    measured: float
    predicted: float
    source: str

    @property
    def off(self) -> float:
        """How far off the model is: 0.5 is half too much."""
        return self.predicted / self.measured - 1


def points() -> list[Point]:
    """Return all there are."""
    found = []
    for of in measured()["validation"]:
        cost = request(of["fs"], of["work"])
        if "role" in of:
            predicted = cost.cpu_s[of["role"]] * 1e6
        else:
            predicted = solve(shared(of["fs"], cost, _CORES), of["clients"]).rate
        found.append(Point(of["what"], of["unit"], of["measured"], predicted, of["source"]))
    return found
