"""What a load was answered: for each event the states that may be there."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from promises import File, Request, Shown, State


@dataclass
class Case:
    """One event of the ledger, driven by one thread at a time.

    Attributes:
        id: The event's ID.
        possible: Its states, of which one is there; more than one where a request was cut.
        texts, files: What it ever showed or may have shown.
        tags: The digest of the bytes that each entity tag stood for.
        is_new: Whether something happened since it was read back.
    """

    id: str
    possible: list[State | None]
    texts: set[str] = field(default_factory=set)
    files: set[File] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    is_new: bool = True

    def __post_init__(self) -> None:
        self.may_be(self.possible)

    @property
    def is_gone(self) -> bool:
        return self.possible == [None]

    def may_be(self, states: Iterable[State | None]) -> None:
        self.possible = list(dict.fromkeys(states))
        self.is_new = True
        for state in self.possible:
            if state:
                self.texts.add(state.text)
                self.files |= {state.file} if state.file else set()

    def fitting(self, shown: Shown | None) -> list[State | None]:
        """Return the possible states that look like this."""
        return [state for state in self.possible if (state.shown if state else None) == shown]


@dataclass
class Ledger:
    """What was acknowledged, and what is wrong with it.

    Attributes:
        seed: Of all that is chosen.
        shares: The events of each thread.
        deleted: Events whose deletion is certain.
        creating: Texts of the events whose creation was not answered.
        answered: Requests that were answered, refusals included.
        lost: Acknowledged states that are not there any more.
        mixed: States and answers that fit no promise.
    """

    seed: str
    shares: list[list[Case]]
    deleted: set[str] = field(default_factory=set)
    creating: set[str] = field(default_factory=set)
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, seed: str, threads: int) -> "Ledger":
        return cls(seed, [[] for _ in range(threads)])

    @property
    def cases(self) -> list[Case]:
        return [case for share in self.shares for case in share]

    def settle(self, case: Case, request: Request, status: int, range_shown: str | None) -> None:
        """Note the answer of a request."""
        outcomes = [request.outcome(state) for state in case.possible]
        fitting = [o for o in outcomes if (o.status, o.range) == (status, range_shown)]
        if not fitting:
            self.mixed.append(
                f"{case.id}: {request.method} was answered {status} {range_shown}, not {outcomes}"
            )
        elif status < 300:
            # It makes what it rests on durable. A refusal does not: both states stay possible.
            case.may_be(o.state for o in fitting)

    def leave_open(self, case: Case, request: Request) -> None:
        """Note that a request was not acknowledged: it may have been done or not."""
        case.may_be([*case.possible, *(request.outcome(state).state for state in case.possible)])

    def read_back(self, case: Case, shown: Shown | None) -> None:
        """Hold what is there now against what may be; that is what it is from now on."""
        case.is_new = False
        fitting = case.fitting(shown)
        if fitting:
            case.possible = fitting
            return
        known = shown is None or (shown.text in case.texts and (not shown.file or shown.file in case.files))
        wrong = self.lost if known else self.mixed
        wrong.append(f"{case.id}: {shown}, not {[state and state.shown for state in case.possible]}")

    def forget_deleted(self) -> None:
        for share in self.shares:
            self.deleted |= {case.id for case in share if case.is_gone}
            share[:] = [case for case in share if not case.is_gone]

    def compare_list(self, listed: Sequence[dict[str, str]]) -> None:
        """Hold all events that are there against those that may be, and adopt those never answered."""
        known = {case.id for case in self.cases if not case.is_gone}
        gone = self.deleted | {case.id for case in self.cases if case.is_gone}
        for event in listed:
            event_id, text = event["id"], event["text"]
            if event_id in gone:
                self.lost.append(f"{event_id} was deleted and came back")
            elif event_id not in known and text in self.creating:
                self.creating.remove(text)
                min(self.shares, key=len).append(Case(event_id, [State(text)]))
            elif event_id not in known:
                self.mixed.append(f"{event_id} with {text!r}: nobody made it, or long ago")
        missing = known - {event["id"] for event in listed}
        self.lost += [f"{event_id} is missing in the list" for event_id in sorted(missing)]
        # What is not there by now must not come later.
        self.creating.clear()


def rng_of(ledger: Ledger, *names: object) -> random.Random:
    """Return a generator of its own for each purpose, the same in each run."""
    return random.Random(":".join([ledger.seed, *map(str, names)]))
