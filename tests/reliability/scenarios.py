"""Recordings of operations: whole, and killed at a step with another process after that."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alike import alike
from inspection import State
from kinds import EVENTS, INVENTORY, Kind
from lockstep import Answered, mixtures
from operations import OPERATIONS, Operation
from recording import Killed, Recorder, Step
from store_tools import give_all_back
from trees import Tree, read_tree

from c8ybin.accounts import AccountsProblem
from c8ybin.domain.errors import Refusal

SWEEP = "sweep"
REFUSED = (Refusal, AccountsProblem)


@dataclass
class Recording:
    """What processes did to a disk, and what may be seen after a cut.

    Attributes:
        name: What was done.
        kind: To what.
        tree: What was there, durably.
        steps: What was done to the disk.
        left: What was there in the end.
        phases: From which number of steps on which states may be seen. One alone is what was acknowledged.
    """

    name: str
    kind: Kind
    tree: Tree
    steps: list[Step]
    phases: list[tuple[int, tuple[State, ...]]]
    left: Tree

    @property
    def first_cut(self) -> int:
        """The least number of steps after which there is something to see."""
        return self.phases[0][0]

    @property
    def of_the_first_act(self) -> list[Step]:
        """What was done to the disk until the first answer, or the end where nobody was answered."""
        _, *later = self.phases
        return self.steps[self.first_cut : later[0][0] if later else None]

    def allowed(self, count: int) -> tuple[State, ...]:
        """Return the states of which one must be left after so many steps."""
        return [states for start, states in self.phases if start <= count][-1]

    @property
    def outcomes(self) -> tuple[State, ...]:
        """All states that may be seen on the way."""
        return tuple({state: None for _, states in self.phases for state in states})


class Stage:
    """A directory on which one operation is recorded."""

    def __init__(self, base: Path, locks: Path, operation: Operation) -> None:
        self.kind = operation.kind
        self.operation = operation
        self.base = base
        self.locks = locks
        self.kind.prepare(base, locks)
        self.tree = read_tree(base)
        self.recorder = Recorder(base)
        self.phases: list[tuple[int, tuple[State, ...]]] = []

    @property
    def now(self) -> int:
        return len(self.recorder.steps)

    def begin(self, *, earlier: bool) -> tuple[Any, tuple[Any, ...]]:
        """Bring about what was there before; return the process that goes on, and what it changes."""
        process = self.kind.open(self.base)
        target = self.kind.target(process)
        self.operation.before(process, *target)
        if self.operation.told and self.kind is EVENTS:
            process.disk.index.sync()
        if earlier:
            self.kind.close(process)
            process = self.kind.open(self.base)
        return process, target

    def act(
        self, process: Any, target: tuple[Any, ...], operation: Operation, outcomes: tuple[State, ...] = ()
    ) -> None:
        """Do it, and note what may be seen meanwhile and once it was answered."""
        state = self.kind.see(process)
        for act in operation.acts:
            start = self.now
            try:
                answer = act(process, *target)
                refused = False
            except REFUSED:
                refused = True
            before, state = state, self.kind.see(process)
            seen = (*outcomes, before, state)
            possible = tuple(mixtures(seen)) if operation.apart else seen
            self.phases.append((start, possible))
            # No refusal makes durable what it rests on, no answer what a killed process did to other events.
            if refused:
                outcomes = possible
            elif isinstance(answer, Answered):
                outcomes = tuple(each for each in possible if answer.fits(each, state))
                self.phases.append((self.now, outcomes))
            else:
                outcomes = ()
                self.phases.append((self.now, (state,)))

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Record during the block, with names that are the same in every recording."""
        with alike(1), self.recorder.recording():
            yield

    def recording(self, name: str) -> Recording:
        tree = read_tree(self.base)
        give_all_back(self.base)
        return Recording(name, self.kind, self.tree, self.recorder.steps, self.phases, tree)


def whole(name: str, base: Path, locks: Path, *, earlier: bool) -> Recording:
    """Record an operation and the end of its process, which is the one that was there before or a new one."""
    stage = Stage(base, locks, OPERATIONS[name])
    with stage.recorded():
        process, target = stage.begin(earlier=earlier)
        stage.act(process, target, stage.operation)
        stage.kind.close(process)
    return stage.recording(f"{name}, {'earlier' if earlier else 'own'}")


def killed(
    name: str, base: Path, locks: Path, outcomes: tuple[State, ...], *, step: int, then: str
) -> Recording | None:
    """Record an operation that is killed at a step of its first act, and what another process does then.

    Args:
        name: The operation.
        base: A directory that is not there yet.
        locks: Lock files to use.
        outcomes: The states that may be seen of the operation.
        step: The number of the step that is not done.
        then: What the other process does: an operation, or `sweep`.

    Returns:
        The recording, or None if there are not so many steps.
    """
    stage = Stage(base, locks, OPERATIONS[name])
    recorder = stage.recorder
    with stage.recorded():
        process, target = stage.begin(earlier=False)
        recorder.die_at = stage.now + step
        try:
            with contextlib.suppress(*REFUSED):
                stage.operation.acts[0](process, *target)
            was_killed = False
        except Killed:
            stage.kind.die(process)
            was_killed = True
        recorder.revive()
        if not was_killed:
            stage.kind.close(process)
            return None
        process = stage.kind.open(base)
        if then == SWEEP:
            stage.phases.append((stage.now, outcomes))
            process.sweep()
        else:
            stage.act(process, stage.kind.target(process, target), OPERATIONS[then], outcomes)
        stage.kind.close(process)
    return stage.recording(f"{name}, killed at {step}, {then}")


def after_kills(
    name: str, base: Path, locks: Path, outcomes: tuple[State, ...], then: str, steps: Iterable[int]
) -> Iterator[tuple[int, Recording]]:
    """Yield recordings of an operation that is killed at some steps, and what another process does then.

    With each the number of the step that is not done.
    """
    for step in steps:
        recording = killed(name, base / f"{step}", locks, outcomes, step=step, then=then)
        if recording is None:
            return
        yield step, recording


def followers(name: str) -> list[str]:
    """Return what another process does after a kill: the same again, what else is worth it, the sweep."""
    operation = OPERATIONS[name]
    return [name, *operation.others, *([SWEEP] if operation.kind in (EVENTS, INVENTORY) else [])]
