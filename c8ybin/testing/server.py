"""A real server in a process of its own, and what a test does with it."""

import base64
import io
import json
import os
import shutil
import subprocess  # nosec B404 # our own program, without a shell
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

_STOP_WITHIN_S = 5.0
_ASK_WITHIN_S = 120.0
_SERVES = " serves "
# See `cli/tethered.py`.
_FAREWELL = b"."


class NotStarted(Exception):
    """The server did not start; the message is what it said."""


class NotDone(Exception):
    """The server refused what a test asked of it; the message is its own."""


class C8yServer:
    """A server with the account `demo`, which may do everything.

    Attributes:
        url: Where it is, without a slash at the end.
        user: The name of the account.
        password: Its password.
        data: Its data directory.
    """

    user = "demo"
    password = "demo"  # noqa: S105 - known to everybody; the server listens on loopback only

    def __init__(self, url: str, data: Path, log: Path) -> None:
        self.url = url
        self.data = data
        self._log = log

    def __repr__(self) -> str:
        return f"<C8yServer {self.url}>"

    @property
    def auth(self) -> tuple[str, str]:
        """Name and password, as requests and httpx take them."""
        return (self.user, self.password)

    @property
    def log(self) -> str:
        """What the server has said in its log so far; what goes wrong on purpose is in it, too."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def reset(self, *, demo: bool = False) -> None:
        """Delete all events and managed objects and forget all faults; then make the demo, if that is wanted.

        Raises:
            NotDone: The server refused.
        """
        self._ask("POST", f"/c8ybin/reset?demo={str(demo).lower()}")

    def seed(
        self, source: str | Path | bytes | Mapping[str, bytes | str | Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Create events with files, and return their paths, IDs and attachments.

        Args:
            source: A folder, a tar file, the bytes of one, or files by their paths: bytes, text, or what is to
                be JSON. See `c8ybin seed --help` for which files are which events.

        Raises:
            NotDone: The server refused; the message says why.
        """
        answer = json.loads(self._ask("POST", "/c8ybin/seed", _tar(source), "application/x-tar"))
        events: list[dict[str, Any]] = answer["events"]
        return events

    def fault(self, **members: Any) -> None:
        """Let something go wrong with requests to come, as `fault(status=503, path="/event", count=2)`.

        Raises:
            NotDone: The server knows no such fault; the message says why.
        """
        self._ask("POST", "/c8ybin/faults", json.dumps(members).encode(), "application/json")

    def faults(self) -> list[dict[str, Any]]:
        """Return what is still to go wrong."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "/c8ybin/faults"))["faults"]
        return found

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._ask("DELETE", "/c8ybin/faults")

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str | None = None) -> bytes:
        from http.client import HTTPConnection  # here, for most tests have a client of their own

        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        fields = {"Authorization": f"Basic {pair}"} | ({"Content-Type": kind} if kind else {})
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=_ASK_WITHIN_S)) as connection:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            data = answer.read()
        if answer.status >= 400:
            raise NotDone(f"{method} {path}: {answer.status}: {json.loads(data)['message']}")
        return data


@contextmanager
def running(*options: str) -> Iterator[C8yServer]:
    """Start a server on a free port of loopback, with a data directory of its own, and end both after the block.

    It also ends where this process is killed. What standard output and error say is in its `log`.

    Args:
        options: More options of `c8ybin serve`.

    Raises:
        NotStarted: It did not; the message says why.
    """
    folder = Path(tempfile.mkdtemp(prefix="c8y_server-"))
    log, data = folder / "log", folder / "data"
    try:
        with log.open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 # nosec B603
                [
                    *(sys.executable, "-m", "c8ybin.cli.tethered", str(folder), "serve"),
                    *("--demo", "--no-demo-events", "--workers", "1", "--host", "127.0.0.1", "--port", "0"),
                    *("--data", str(data), *options),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                # Ctrl-C is for the test run, which then ends this.
                start_new_session=True,
            )
        try:
            yield C8yServer(_address(process.stdout, log), data, log)
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _address(output: IO[bytes] | None, log: Path) -> str:
    """Wait for the line that tells where it serves."""
    for line in output or ():
        text = line.decode(errors="replace").rstrip("\n")
        if _SERVES in text:
            return text.rpartition(" ")[2]
    raise NotStarted(f"c8ybin serve did not start: {log.read_text(errors='replace').strip()}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):  # it has ended
        if process.stdin:
            os.write(process.stdin.fileno(), _FAREWELL)
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _tar(source: str | Path | bytes | Mapping[str, bytes | str | Mapping[str, Any]]) -> bytes:
    import tarfile  # here, for most tests seed nothing

    if isinstance(source, bytes):
        return source
    if not isinstance(source, Mapping) and not Path(source).is_dir():
        return Path(source).read_bytes()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        if not isinstance(source, Mapping):
            tar.add(source, arcname=".")
        else:
            for path, content in source.items():
                data = content if isinstance(content, bytes | str) else json.dumps(content)
                raw = data.encode() if isinstance(data, str) else data
                info = tarfile.TarInfo(path)
                info.size = len(raw)
                tar.addfile(info, io.BytesIO(raw))
    return out.getvalue()
