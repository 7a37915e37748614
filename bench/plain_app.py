"""Plain falcon on waitress with its stock settings: what c8ybin would be without its own server.

usage: python plain_app.py FOLDER PORT [--fsync]

It writes the very files of a c8ybin attach (docs/design.md), with the same fsyncs or none, into
directories of events that are there already; it checks nothing and hashes nothing.
"""

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import falcon
import waitress

_COPY_BYTES = 256 * 1024


class Files:
    """One file for each event."""

    def __init__(self, folder: Path, *, fsyncs: bool) -> None:
        self._folder = folder
        self._fsyncs = fsyncs
        self._numbers = itertools.count()

    def on_put(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Take a body."""
        number = next(self._numbers)
        body, home = self._folder / "tmp" / f"body-{number}", self._folder / "events" / name
        content, draft = home / f"content-{number}", home / f".binary.json.{number}"
        with body.open("xb") as file:
            shutil.copyfileobj(req.bounded_stream, file, _COPY_BYTES)
            self._sync(file.fileno())
        body.rename(content)
        record = {"length": content.stat().st_size, "type": req.content_type, "content": content.name}
        with draft.open("x") as text:
            text.write(json.dumps(record))
            text.flush()
            self._sync(text.fileno())
        self._sync_directory(home)
        (home / "binary.json").hardlink_to(draft)
        draft.unlink()
        self._sync_directory(home)
        resp.status = falcon.HTTP_201

    def on_get(self, _: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Send it again."""
        home = self._folder / "events" / name
        record = json.loads((home / "binary.json").read_text())
        resp.content_type = record["type"]
        resp.set_stream((home / record["content"]).open("rb"), record["length"])

    def _sync(self, fd: int) -> None:
        if self._fsyncs:
            os.fsync(fd)

    def _sync_directory(self, path: Path) -> None:
        if self._fsyncs:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(fd)
            os.close(fd)


def main() -> None:
    """Serve."""
    folder, port, *more = sys.argv[1:]
    app = falcon.App()
    app.add_route("/files/{name}", Files(Path(folder), fsyncs="--fsync" in more))
    waitress.serve(app, host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main()
