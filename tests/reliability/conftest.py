"""What the tests of reliability share: their counts, and what they need of the machine.

With `--full` they run as long as README's table of reliability says; without it each
does the same a few times.
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from disk_operations import Ledger
from harness import until

_COUNTS = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `series` once, or `SERIES` times of its module with `--full`.

    One after another would be a test of many minutes, which counts as one that hangs.
    """
    if "series" in metafunc.fixturenames:
        full = metafunc.config.getoption("--full")
        metafunc.parametrize("series", range(metafunc.module.SERIES if full else 1))


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what adds to a row of the table: `tally("Killed under load", rounds=200, lost=0, mixed=0)`.

    Units are words, with `_` for a space; `lost` and `mixed` are counted, not assumed.
    """
    counts = request.config.stash.setdefault(_COUNTS, {})

    def add(row: str, **count: int) -> None:
        counts.setdefault(row, Counter()).update(count)

    return add


@pytest.fixture
def ledger(tally: Callable[..., None]) -> Iterator[Ledger]:
    """Return where trials on failing disks count; nothing may be lost or mixed."""
    kept = Ledger()
    yield kept
    tally(
        "Failing disks",
        faults=len(kept.faults),
        answers=kept.answers,
        lost=len(kept.lost),
        mixed=len(kept.mixed),
    )
    assert (kept.lost, kept.mixed) == ([], [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--tally")
    if path:
        path.write_text(json.dumps(session.config.stash.get(_COUNTS, {}), indent=2) + "\n")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")


def _loops() -> list[str]:
    """Return the files that loop devices show as disks."""
    return [name.read_text().rstrip("\n") for name in Path("/sys/block").glob("loop*/loop/backing_file")]


class Mounts:
    """File systems of a test's own, below its folder; unmounted in the end."""

    def __init__(self, folder: Path, command: Callable[..., str]) -> None:
        self._folder = folder
        self._command = command
        self._how: dict[Path, list[str]] = {}

    def __call__(
        self, kind: str, *, size: str = "", megabytes: int = 64, options: str = "", make: Sequence[str] = ()
    ) -> Path:
        """Make a file system and mount it; skips where that does not work."""
        point = self._folder / f"mounted-{len(self._how)}"
        point.mkdir()
        if kind == "tmpfs":
            how = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
        else:
            image = self._folder / f"image-{len(self._how)}"
            with image.open("wb") as file:
                file.truncate(megabytes << 20)
            package = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}.get(kind, f"{kind}-progs")
            _run(self._command(f"mkfs.{kind}", package), "-q", *make, str(image))
            how = ["-o", ",".join(filter(None, ["loop", options])), str(image)]
        _run("mount", *how, str(point))
        self._how[point] = how
        return point

    def again(self, point: Path) -> None:
        """Unmount a file system and mount it again: what was only in memory is gone then, if it was cut off."""
        image = self._how[point][-1]
        subprocess.run(["umount", str(point)], check=True, timeout=60)
        # A process with mounts of its own, begun meanwhile, has a copy of this one. Until it ends, the file system is
        # not let go, and mounting it again would give the same one, with what was in memory.
        assert until(lambda: image not in _loops(), within_s=120), (
            f"another process still has {image} mounted"
        )
        subprocess.run(["mount", *self._how[point], str(point)], check=True, timeout=60)

    def end(self) -> None:
        for point in reversed(self._how):
            if os.path.ismount(point):
                subprocess.run(["umount", str(point)], check=True, timeout=60)


@pytest.fixture
def mounted(tmp_path: Path, command: Callable[..., str]) -> Iterator[Mounts]:
    """Return what mounts a file system of its own below the test's folder; skips where that may not be done.

    `mounted("tmpfs", size="8m,nr_inodes=99")`, `mounted("ext4", megabytes=64, options="errors=remount-ro")`,
    `mounted("btrfs", megabytes=128)`, `mounted.again(point)`; `make` is passed on to mkfs.
    """
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mounts = Mounts(tmp_path, command)
    yield mounts
    mounts.end()
