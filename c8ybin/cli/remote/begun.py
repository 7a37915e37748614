"""Which event an interrupted `upload new` made, so that the same command goes on with it.

A file for each upload that is under way, named by what it is and holding the event's ID. It is only an
aid: where it is lost, another event is made. What has arrived of a file is asked of the server.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from c8ybin import fsio


class Begun:
    """The memory of one upload."""

    def __init__(self, environment: Mapping[str, str], *what: str) -> None:
        """Find it; `what` is all that makes it the same upload: server, event, file and digest."""
        home = Path(environment.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
        self._folder = home / "c8ybin" / "uploads"
        self._name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]

    def event(self) -> str | None:
        """Return the ID of the event that was made, if that is remembered."""
        try:
            return (self._folder / self._name).read_text("ascii").strip() or None
        except (OSError, ValueError):
            return None

    def remember(self, event_id: str) -> None:
        """Remember it, where that can be done."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder.resolve() / self._name
            with fsio.replacing(path, f".{self._name}.{fsio.unique_name()}", mode=fsio.PRIVATE_MODE) as file:
                file.write(event_id.encode("ascii", "replace"))

    def forget(self) -> None:
        """Forget it: the file has arrived."""
        with suppress(OSError):
            fsio.remove(self._folder.resolve() / self._name)
