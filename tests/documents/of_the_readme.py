"""What README.md, docs/commands.md and data/README.md show, apart from the session with curl."""

import hashlib
import re
import signal
import subprocess
import sys

import pytest
from blocks import ROOT
from commands import BACKUPS, DATA, Box, attached, content_of, given_by_cron, scenario


def started(box: Box, text: str, **environment: str) -> str:
    """Run a block that serves until it is stopped, on a free port; return what it told until then."""
    process = subprocess.Popen(
        ["bash", "-euc", f"exec {box.place(text)}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**box.environment, "C8YBIN_PORT": "0", **environment},
    )
    assert process.stdout
    told = ""
    try:
        for line in process.stdout:
            told += line
            if served := re.search(r" serves .* on (\S+)$", line):
                box.run(f"curl -sS -f -k {served[1]}/health")
                break
        process.send_signal(signal.SIGTERM)
        told += process.communicate(timeout=30)[0]
    finally:
        process.kill()
    assert process.returncode == 0, told
    return told


@scenario("start-laptop")
def show_it(box: Box, text: str) -> None:
    if sys.executable != str(ROOT / ".venv" / "bin" / "python"):
        pytest.skip("scripts/serve would set up another environment than the one that runs this")
    (command,) = text.strip().splitlines()
    assert " serves " in started(box, command, C8YBIN_DATA=str(box.root / "srv" / "demo"))


def _with_names(text: str) -> str:
    return text.replace("DIR", f"/{DATA}")


@scenario("readme-user")
def add_an_account(box: Box, text: str) -> None:
    box.serve()
    box.run(_with_names(text))
    assert '"ann"' in box.run(f"curl -sS -f -u ann:s3cret {box.url}/user/currentUser").replace(" ", "")


@scenario("start-edge")
def keep_a_box(box: Box, text: str) -> None:
    box.serve()
    assert "c8y_" in box.run(text.replace(" pump ", " pump-of-hall-3 "))
    (line,) = (box.root / "etc/cron.d/c8ybin-backup").read_text().splitlines()
    box.run(given_by_cron(line))
    assert list((box.root / BACKUPS).glob("c8ybin-[1-7].tar"))


@scenario("start-appliance")
def start_for_the_first_time(box: Box, text: str) -> None:
    box.stop()
    told = started(box, text.replace(DATA, "srv/appliance"))
    assert "fingerprint" in told
    assert '"GET"' not in told  # what only reads is no line of the audit log
    assert {"admin-password", "accounts.json", "tls"} <= {
        p.name for p in (box.root / "srv/appliance").iterdir()
    }


@scenario("start-tests")
def try_a_client(box: Box, text: str) -> None:
    (box.root / "home" / "test_agent.py").write_text(text)
    told = box.run(
        f"{sys.executable} -m pytest -q -p c8ybin.testing.plugin -p no:cacheprovider test_agent.py"
    )
    assert "1 passed" in told


@scenario("finder")
def find_an_attachment(box: Box, text: str) -> None:
    content = content_of(box.data, attached(box.serve(), b"found"))
    text = text.replace("content-3f2a90c1d7e4-2", content.name)
    home = str(content.parent.relative_to(box.data))
    told = box.run(f"cd {box.data}\n" + text.replace("events/2026-11-24/05/891539595263019", home))
    digest = hashlib.sha256(b"found").hexdigest()
    assert told.splitlines() == [
        f'"content":"{content.name}"',
        f'"sha256":"{digest}"',
        f"{digest}  {content.name}",
    ]
