"""What was done to a disk, as plain data: the calls that change a tree or make it durable, in order.

Two recorders make the same kind of steps. `Recorder` wraps the calls of `os` in this
process, knows which line of the code asked for an fsync, and can kill: after the step at
which a process dies none is done any more, clean-up included. `from_strace` reads what
the kernel saw of a process, and tells whether the other one is honest.
"""

import builtins
import contextlib
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strace_log import Call

import c8ybin
from c8ybin.fsio import durable, parallel
from c8ybin.store.group_commit import GroupCommit

PACKAGE = Path(c8ybin.__file__).parent
FSIO_ROOM = str(PACKAGE / "fsio")
FSIO = f"{FSIO_ROOM}/durable.py"
GROUP_COMMIT = str(PACKAGE / "store" / "group_commit.py")
SYNCS = ("fsync", "fdatasync")

# Their names in `os`, and as steps.
_CALLS = {
    "open": "create",
    "pwrite": "write",
    "ftruncate": "truncate",
    **{name: name for name in ("rename", "link", "unlink", "mkdir", "rmdir", *SYNCS)},
}
_KERNEL = {"pwrite64": "write", "ftruncate": "truncate"}


class Killed(BaseException):
    """The process is dead; whatever it still tries is not done."""


@dataclass(frozen=True, order=True)
class Site:
    """Who asks for an fsync: the line that calls `fsio`, and the line in `fsio` that it leads to.

    One line may ask for several fsyncs: that of a draft and that of the directory, which
    `fsio_line` tells apart, or one after the other in a loop, of which `turn` is the number.

    Steps of a commit ask by a `Durable`: `part` is its member, `turn` the place in that, `fsio_line` 0.
    """

    file: str
    line: int
    fsio_line: int
    turn: int = 0
    part: str = ""

    @property
    def first(self) -> "Site":
        """The same in its first turn."""
        return dataclasses.replace(self, turn=0, part="")


@dataclass(frozen=True)
class Step:
    """One call that succeeded.

    Attributes:
        call: create, write, truncate, rename, link, unlink, mkdir, rmdir, fsync or fdatasync.
        paths: The files it names, relative to the recorded directory, which is `.`.
        offset: Where a write begins, or the length of a truncation, in bytes.
        data: What was written.
        sites: Who asked for an fsync, which several commits may do at once; strace does not know.
    """

    call: str
    paths: tuple[str, ...]
    offset: int = 0
    data: bytes = b""
    sites: tuple[Site, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.call} {' > '.join(self.paths)}"


class Recorder:
    """Records what this process does below a directory.

    Attributes:
        steps: What was done.
        die_at: The number of the step that is not done any more.
    """

    def __init__(self, base: Path) -> None:
        self.steps: list[Step] = []
        self.die_at: int | None = None
        self._base = str(base)
        self._dead = False
        self._last: tuple[Site, ...] = ()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record during the block."""
        real = {name: getattr(os, name) for name in _CALLS}
        for name, call in _CALLS.items():
            setattr(os, name, self._wrap(call, real[name]))
        vars(durable)["open"] = self._open
        # What the kernel does by itself is not seen; one fsync after the other is as good.
        at_once, parallel._SYSTEM_CALLS = parallel._SYSTEM_CALLS, {}
        try:
            yield
        finally:
            parallel._SYSTEM_CALLS = at_once
            for name, function in real.items():
                setattr(os, name, function)
            del vars(durable)["open"]

    def revive(self) -> None:
        """Let another process go on where one was killed."""
        self.die_at, self._dead, self._last = None, False, ()

    def do(
        self, call: str, arguments: tuple[Any, ...], dir_fds: Sequence[int | None], real: Callable[[], Any]
    ) -> Any:
        """Do a call and record it, unless the process is dead or it is not about this directory."""
        named = arguments[: 2 if call in ("rename", "link") else 1]
        paths = tuple(_below(self._base, _path(*pair)) for pair in zip(named, dir_fds, strict=False))
        if not all(paths):
            return real()
        if self._dead or self.die_at == len(self.steps):
            self._dead = True
            raise Killed
        result = real()
        if call == "write":
            step = Step(call, paths, arguments[2], bytes(arguments[1])[:result])
        elif call == "truncate":
            step = Step(call, paths, arguments[1])
        else:
            step = Step(call, paths, sites=self._sites(_path(named[0], None)) if call in SYNCS else ())
        self.steps.append(step)
        self._last = step.sites
        return result

    def _sites(self, path: str) -> tuple[Site, ...]:
        """Return who asks: the innermost line of the package outside `fsio`, and where in that it calls.

        Where it is the group commit, those of its commits that wait for this file.
        """
        frame, fsio_line = sys._getframe(1), 0
        while frame := frame.f_back:
            file = frame.f_code.co_filename
            if file == FSIO:
                fsio_line = frame.f_lineno
            elif file == GROUP_COMMIT:
                return tuple(_askers(frame.f_locals["self"], path))
            elif file.startswith(f"{PACKAGE}/") and not file.startswith(FSIO_ROOM):
                site = Site(file.removeprefix(f"{PACKAGE}/"), frame.f_lineno, fsio_line)
                last = self._last[0] if self._last else None
                return (
                    dataclasses.replace(last, turn=last.turn + 1) if last and site == last.first else site,
                )
        return ()

    def _wrap(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **more: Any) -> Any:
            if call == "create" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **more)
            dir_fds = more.get("src_dir_fd", more.get("dir_fd")), more.get("dst_dir_fd")
            return self.do(call, arguments, dir_fds, lambda: real(*arguments, **more))

        return wrapped

    def _open(self, file: Any, mode: str) -> Any:
        """Open a file as `open` does; one for writing does so where it is seen."""
        return io.BufferedWriter(_Raw(file, self)) if mode == "wb" else builtins.open(file, mode)


def _askers(group: GroupCommit, path: str) -> Iterator[Site]:
    """Yield the sites of the commits that wait until a file is durable."""
    for commit in group._batch:
        steps = commit.steps
        while steps.gi_yieldfrom:
            steps = steps.gi_yieldfrom
        file, line = steps.gi_code.co_filename, steps.gi_frame.f_lineno
        for part in ("files", "data", "directories"):
            for turn, wanted in enumerate(getattr(commit.wanted, part)):
                if _path(wanted, None) == path:
                    yield Site(file.removeprefix(f"{PACKAGE}/"), line, 0, turn, part)


class _Raw(io.FileIO):
    """A file whose writes are recorded."""

    def __init__(self, fd: int, recorder: Recorder) -> None:
        super().__init__(fd, "wb")
        self._recorder = recorder

    def write(self, data: Any) -> int:
        arguments = (self.fileno(), data, self.tell())
        write = super().write
        return int(self._recorder.do("write", arguments, (None,), lambda: write(data)))


def _path(argument: Any, dir_fd: int | None) -> str:
    if isinstance(argument, int):
        return os.readlink(f"/proc/self/fd/{argument}") if argument > 2 else ""
    if dir_fd is not None:
        return os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), argument)
    return str(argument)


def _below(base: str, path: str) -> str:
    """Return a path relative to `base`; empty where it is not below it or its name is gone."""
    if path == base:
        return "."
    return path.removeprefix(f"{base}/") if path.startswith(f"{base}/") and "(deleted)" not in path else ""


def from_strace(calls: Iterable[Call], base: Path) -> list[Step]:
    """Return the steps below `base` among the calls that strace saw."""
    steps: list[Step] = []
    ends: dict[str, int] = {}
    for call in calls:
        paths = tuple(_below(str(base), path) for path in call.paths)
        if not all(paths) or call.deleted:
            continue
        offset = call.number
        if call.name == "write":
            # Where the one before ended, for such a file is written from its beginning to its end.
            offset = ends.get(paths[0], 0)
            ends[paths[0]] = offset + len(call.data)
        elif call.name == "create":
            ends[paths[0]] = 0
        steps.append(Step(_KERNEL.get(call.name, call.name), paths, offset, call.data))
    return steps
