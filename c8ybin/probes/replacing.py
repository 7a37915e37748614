"""Whether readers ever miss a file that is replaced by rename, or find two mixed."""

import errno
from pathlib import Path
from threading import Event, Thread

from c8ybin import fsio
from c8ybin.probes.primitive import Lacking, Primitive
from c8ybin.probes.single import created

RENAME_FILE = Primitive("rename-file", "a file replaced before readers (rename)", "replacing, the index")

_TIMES = 8


class Seen:
    """What a reader of a replaced file saw.

    Attributes:
        reads: How often it looked.
        missed: How often there was no file.
        mixed: How often the bytes were not those of one writing.
        stale: How often it was told to look again (ESTALE), which is an error and no wrong answer.
    """

    def __init__(self) -> None:
        self.reads = self.missed = self.mixed = self.stale = 0

    def look(self, path: Path, length: int) -> None:
        """Look once, by a fresh open, for a file of so many bytes."""
        self.reads += 1
        try:
            data = fsio.read(path)
        except FileNotFoundError:
            self.missed += 1
            return
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            self.stale += 1
            return
        self.mixed += data != data[:1] * length

    def tell(self, replaced: int) -> str:
        """Return the figure.

        Raises:
            Lacking: It was missed, or mixed.
        """
        if self.missed or self.mixed:
            parts = [f"not there {self.missed} times"] * bool(self.missed)
            parts += [f"mixed {self.mixed} times"] * bool(self.mixed)
            raise Lacking(f"{' and '.join(parts)} in {self.reads} reads")
        stale = f", {self.stale} ESTALE" if self.stale else ""
        return f"{self.reads:,} reads of {replaced:,} replacements{stale}"


def draft(path: Path, name: str, data: bytes) -> Path:
    """Make a file that is to take the place of another."""
    beside = path.with_name(f".{path.name}.{name}")
    with created(beside) as fd:
        fsio.write_at(fd, data, 0)
    return beside


def replace(path: Path, data: bytes) -> None:
    """Put a new file in the place of one, as all that is replaced is."""
    fsio.rename(draft(path, "draft", data), path)


def replaced_before_a_reader(folder: Path) -> str:
    """Replace a file a few times before a reader, which is a thread of this process: a start has time for no more.

    Without bytes, for ext4 begins to write those at each such rename.
    """
    path = folder / "replaced"
    replace(path, b"")
    drafts = [draft(path, str(number), b"") for number in range(_TIMES)]
    seen, stops, looks = Seen(), Event(), Event()
    failures: list[OSError] = []

    def read() -> None:
        try:
            while not stops.is_set():
                seen.look(path, 0)
                looks.set()
        except OSError as error:
            failures.append(error)
        finally:
            looks.set()

    reader = Thread(target=read, name="probe")
    reader.start()
    try:
        looks.wait()
        for beside in drafts:
            fsio.rename(beside, path)
    finally:
        stops.set()
        reader.join()
    if failures:
        raise failures[0]
    return seen.tell(_TIMES)
