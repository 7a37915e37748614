"""How far a transfer is, on a terminal: a bar, the rate and the time left. Elsewhere nothing is shown."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from c8ybin.cli.remote.connecting import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar(Protocol):
    """One transfer that is shown."""

    def begin(self, label: str, total: int | None) -> None:
        """Show another piece of work: its label, and its bytes where they are known."""

    def count(self, bytes_: int, total: int | None = None) -> None:
        """Count bytes; less than 0 where some were in vain."""

    def tell(self, text: str) -> None:
        """Write a line that stays."""

    def aside(self) -> AbstractContextManager[None]:
        """Make way for what goes to standard output, which may be the same terminal."""


class _Hidden:
    def begin(self, label: str, total: int | None) -> None:
        """Show nothing."""

    def count(self, bytes_: int, total: int | None = None) -> None:
        """Show nothing."""

    def tell(self, text: str) -> None:
        """Write it to standard error."""
        say(text)

    def aside(self) -> AbstractContextManager[None]:
        """Nothing is in the way."""
        return nullcontext()


class _Shown:
    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, label: str, total: int | None) -> None:
        """Take the bar of the work before away; the first one begins it, when nobody is asked anything any more."""
        self._progress.start()
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(label, total=total)

    def count(self, bytes_: int, total: int | None = None) -> None:
        """Move the bar."""
        if self._task is not None:
            if total is not None:
                self._progress.update(self._task, total=total)
            self._progress.advance(self._task, bytes_)

    def tell(self, text: str) -> None:
        """Write it above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away meanwhile."""
        self._progress.stop()
        yield
        self._progress.start()


@contextmanager
def bar() -> Iterator[Bar]:
    """Yield a bar, which is gone at the end."""
    if not sys.stderr.isatty():
        yield _Hidden()
        return
    from c8ybin.cli.remote.columns import new_progress

    progress = new_progress()
    try:
        yield _Shown(progress)
    finally:
        progress.stop()
