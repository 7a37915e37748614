"""A real server on loopback, with two workers and an account that has every role."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from c8ybin.accounts import ROLES

_C8YBIN = (sys.executable, "-m", "c8ybin")
_STOPS_WITHIN_S = 60
USER = "tester"


@dataclass(frozen=True)
class Served:
    """Where it is, and with what one gets in."""

    url: str
    pid: int
    password: str
    log: Path

    @property
    def port(self) -> int:
        """Its port, on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    def errors(self) -> list[str]:
        """Return the lines of its log that tell of faults."""
        text = self.log.read_text(errors="replace")
        return [line for line in text.splitlines() if " ERROR " in line or line.startswith("Traceback")]


@contextmanager
def served(folder: Path, name: str, *arguments: str) -> Iterator[Served]:
    """Serve a new data directory in `folder` until the block ends."""
    data, log = folder / name / "data", folder / name / "log"
    data.parent.mkdir(parents=True)
    password = secrets.token_hex(16)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
    subprocess.run(
        [*_C8YBIN, "user", "add", USER, "--roles", ",".join(ROLES), "--password-stdin", "--data", data],
        input=f"{password}\n".encode(),
        stdout=subprocess.DEVNULL,
        check=True,
        env=clean,
    )
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [*_C8YBIN, "serve", "--data", data, "--port", "0", "--workers", "2", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=clean,
        )
    assert server.stdout
    try:
        line = ""
        while " serves " not in line:
            line = server.stdout.readline()
            if not line:
                raise RuntimeError(f"the server ended early: {log.read_text()}")
        yield Served(line.split()[-1], server.pid, password, log)
    finally:
        server.terminate()
        try:
            server.wait(_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()
