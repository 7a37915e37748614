"""The columns of a progress bar that tell bytes as this program does elsewhere. Imported only on a terminal."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from c8ybin.domain.sizes import round_size


class _Bytes(ProgressColumn):
    """How much is done, of how much."""

    def render(self, task: Task) -> Text:
        """Write it."""
        done = round_size(max(0, int(task.completed)))
        return Text(done if task.total is None else f"{done} of {round_size(int(task.total))}")


class _Rate(ProgressColumn):
    """How much a second."""

    def render(self, task: Task) -> Text:
        """Write it, or nothing before it is known."""
        return Text(f"{round_size(int(task.speed))}/s" if task.speed and task.speed > 0 else "")


def new_progress() -> Progress:
    """Return a bar on standard error: what, bar, bytes, rate, time left; gone at the end."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _Bytes(),
        _Rate(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        # What goes to standard output may go elsewhere than the bar.
        redirect_stdout=False,
        redirect_stderr=False,
    )
