"""Commits that go through their steps together, always in the same order; and one of them may fail."""

import errno
import itertools
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from harness import until
from inspection import State
from recording import Killed

from c8ybin.domain.errors import Refusal
from c8ybin.store.group_commit import Durable, GroupCommit, Steps

Act = Callable[..., object]


@dataclass(frozen=True)
class Answered:
    """For which events a thing done to several of them was answered, by their texts: maybe not for each."""

    texts: Collection[str]

    def fits(self, state: State, now: State) -> bool:
        """Tell whether a state has of these events just what is there now."""
        return self._of(state) == self._of(now)

    def _of(self, state: State) -> State:
        return tuple(seen for seen in state if seen.text in self.texts)


def in_lockstep(*acts: Act) -> Act:
    """Do several things in a thread each, of which the commits make one batch from their first step on.

    Each returns its event; the whole returns for which of them it was answered.
    """

    def do(desk: Any, event: int) -> Answered:
        group, gate, failures, answered = desk.disk.together, threading.Event(), [], []

        def enter(act: Act) -> None:
            try:
                answered.append(act(desk, event))
            except (Refusal, OSError, Killed) as error:
                failures.append(error)

        def first() -> Steps[None]:
            assert gate.wait(20)
            yield Durable()

        threads = [threading.Thread(target=enter, args=(lambda *_: group.run(first()),))]
        threads += [threading.Thread(target=enter, args=(act,)) for act in acts]
        for number, thread in enumerate(threads):
            thread.start()
            # What comes before a commit is done by one after the other, so that each recording is the same.
            assert until(lambda n=number, t=thread: has_come(group, n) or not t.is_alive())
            if failures:
                break
        gate.set()
        for thread in threads[: number + 1]:
            thread.join()
        for error in failures:
            if isinstance(error, Killed):
                raise error
        events = [desk.store.events.read(found) for found in answered if found is not None]
        assert len(events) + len(failures) == number, "something returned no event"
        return Answered({found.file.document["text"] for found in events})

    return do


def has_come(group: GroupCommit, number: int) -> bool:
    return group._has_leader and len(group._arrived) == number


def failing(act: Act, call: str, pattern: str) -> Act:
    """The disk fails at a call of `os` on a file whose name is like `pattern`."""

    def do(desk: Any, event: int) -> object:
        real = getattr(os, call)

        def fail(file: int, *arguments: Any) -> Any:
            if fnmatch(os.path.basename(os.readlink(f"/proc/self/fd/{file}")), pattern):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(file, *arguments)

        setattr(os, call, fail)
        try:
            return act(desk, event)
        finally:
            setattr(os, call, real)

    return do


def mixtures(states: Iterable[State]) -> Iterator[State]:
    """Yield what may be seen where several events change, each for itself; their texts tell them apart."""
    texts = {seen.text for state in states for seen in state}
    versions = [{tuple(seen for seen in state if seen.text == text) for state in states} for text in texts]
    for chosen in itertools.product(*versions):
        yield tuple(sorted(itertools.chain(*chosen), key=repr))
