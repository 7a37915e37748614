"""Commits that go through their steps together, always in the same order; and one of them may fail."""

import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from typing import Any

from harness import until
from inspection import State
from recording import Killed

from c8ybin.domain.errors import Refusal
from c8ybin.store.group_commit import Durable, GroupCommit, Steps

Act = Callable[..., object]


def in_lockstep(*acts: Act) -> Act:
    """Do several things in a thread each, of which the commits make one batch from their first step on."""

    def do(desk: Any, event: int) -> None:
        group, gate, failures = desk.disk.together, threading.Event(), []

        def enter(act: Act) -> None:
            try:
                act(desk, event)
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

    return do


def has_come(group: GroupCommit, number: int) -> bool:
    return group._has_leader and len(group._arrived) == number


def failing(act: Act, call: str, pattern: str) -> Act:
    """The disk fails at a call of `os` on a file whose name is like `pattern`."""

    def do(desk: Any, event: int) -> None:
        real = getattr(os, call)

        def fail(file: int, *arguments: Any) -> Any:
            if fnmatch(os.path.basename(os.readlink(f"/proc/self/fd/{file}")), pattern):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(file, *arguments)

        setattr(os, call, fail)
        try:
            act(desk, event)
        finally:
            setattr(os, call, real)

    return do


def mixtures(states: Iterable[State]) -> Iterator[State]:
    """Yield what may be seen where several events change, each for itself; their texts tell them apart."""
    texts = {seen.text for state in states for seen in state}
    versions = [{tuple(seen for seen in state if seen.text == text) for state in states} for text in texts]
    for chosen in itertools.product(*versions):
        yield tuple(sorted(itertools.chain(*chosen), key=repr))
