"""The files of a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from c8ybin.domain.errors import BadSeed
from c8ybin.seeds.files import MOST_FILES, Found, checked_path, shown


def files_of(folder: Path) -> Iterator[Found]:
    """Yield the files of a folder and of all below it; it is the caller's own, and its links are followed by nobody.

    Raises:
        BadSeed: There is a link, or what is no plain file, or too much.
        OSError: It cannot be read.
    """
    count = 0
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(folder / below) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = checked_path(f"{below}/{entry.name}" if below else entry.name)
                if path is None:
                    continue
                count += 1
                if count > MOST_FILES:
                    raise BadSeed(f"There are more than {MOST_FILES} files; make it several.")
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield Found(path, Path(entry.path))
                else:
                    raise BadSeed(f"{shown(path)} is a link or no plain file; leave it out.")
