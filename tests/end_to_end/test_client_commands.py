"""The client's commands as processes of their own: killed, interrupted, on a terminal, over TLS, seen by ps."""

import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from client_tools import WAIT_S, Way, command, environment, proxied, run_command
from harness import Connection, RunningServer, Serve, binaries, pattern, until

from c8ybin.cli import main
from c8ybin.domain.digests import format_digest

MIB = 1024 * 1024
HALF_UP = Way(up=MIB // 2)
CHUNKS = ("--chunk-size", "64KiB", "--parallel", "2")
# Runs a program with a terminal of its own, so that it can ask for a password.
ON_TERMINAL = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Where profiles and what was begun are kept, and the umask that people have."""
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "[b]ig.bin"
    path.write_bytes(pattern(2 * MIB))
    return path


@contextmanager
def held(
    server: RunningServer, home: dict[str, str], *arguments: object, way: Way, **more: Any
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Yield a command that stands still, as each of its first connections does; and its environment.

    Later connections pass, so the same command may be given again.
    """
    with proxied(server.port, [way] * 2, holds=True) as proxy:
        env = environment(proxy.url, **home)
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
        process = subprocess.Popen(command(*arguments), env=env, **settings)
        try:
            assert proxy.held.wait(WAIT_S)
            yield process, env
        finally:
            process.kill()
            process.communicate()


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def attach(direct: Connection, data: bytes) -> str:
    event_id = direct.create_event()
    digest = format_digest(hashlib.sha256(data).digest())
    assert direct.ask("POST", binaries(event_id), data, Repr_Digest=digest)[0].status == 201
    return event_id


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
def test_an_upload_that_is_ended_in_the_middle_goes_on_from_there(
    demo_server: RunningServer, direct: Connection, home: dict[str, str], big: Path, number: signal.Signals
) -> None:
    event_id = direct.create_event()
    arguments = ("upload", event_id, big, *CHUNKS)
    with held(demo_server, home, *arguments, way=HALF_UP) as (client, env):
        client.send_signal(number)
        assert client.wait(WAIT_S) == (130 if number == signal.SIGINT else -number)
        assert client.stderr
        assert ("goes on from there" in client.stderr.read()) is (number == signal.SIGINT)
        done = told(run_command(*arguments, "--json", env=env))
    assert 0 < done["sent"] < 1.9 * MIB
    assert (done["event"], done["verified"]) == (event_id, True)
    assert direct.ask("GET", binaries(event_id))[1] == big.read_bytes()


def test_the_event_that_a_killed_upload_made_is_gone_on_with(
    demo_server: RunningServer, direct: Connection, home: dict[str, str], big: Path
) -> None:
    arguments = ("upload", "new", big, "--source", "killed", *CHUNKS)
    with held(demo_server, home, *arguments, way=HALF_UP) as (client, env):
        client.kill()
        client.wait(WAIT_S)
        done = told(run_command(*arguments, "--json", env=env))
        listed = run_command("event", "list", "--source", "killed", env=env).stdout
    assert 0 < done["sent"] < 1.9 * MIB
    assert [line.split("\t")[0] for line in listed.splitlines()] == [done["event"]]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
def test_a_download_that_is_ended_in_the_middle_goes_on_from_there(
    demo_server: RunningServer,
    direct: Connection,
    home: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    data = pattern(4 * MIB)
    target = tmp_path / "copy"
    arguments = ("download", attach(direct, data), "-o", target)
    with held(demo_server, home, *arguments, way=Way(down=MIB)) as (client, env):
        assert until(lambda: any(part.stat().st_size > MIB // 2 for part in tmp_path.glob(".*.part")))
        client.send_signal(number)
        client.wait(WAIT_S)
        assert not target.exists()
        done = told(run_command(*arguments, "--json", env=env))
    assert (done["resumed"] > MIB // 2, done["verified"]) == (True, True)
    assert target.read_bytes() == data
    assert list(tmp_path.glob(".*.part")) == []


def test_standard_input_may_be_a_pipe_or_a_file(
    demo_server: RunningServer, direct: Connection, home: dict[str, str], big: Path
) -> None:
    env = environment(demo_server.url, **home)
    arguments = ("upload", "new", "-", "--source", "stdin", "--name", "x", *CHUNKS)
    with big.open("rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
        piped = run_command(*arguments, env=env, stdin=cat.stdout)
    with big.open("rb") as file:
        read = run_command(*arguments, env=env, stdin=file)
    for done in (piped, read):
        assert done.returncode == 0, done.stderr
        # No terminal, no bar.
        assert (done.stderr.count("\n"), "\x1b" in done.stderr) == (1, False)
        assert direct.ask("GET", binaries(done.stdout.strip()))[1] == big.read_bytes()
    script = f'"$0" -m c8ybin download {read.stdout.strip()} -o - | sha256sum'
    digest = subprocess.run(["sh", "-c", script, sys.executable], env=env, capture_output=True, text=True)
    assert digest.stdout.split()[0] == hashlib.sha256(big.read_bytes()).hexdigest()


def seen_on(terminal: int, *wanted: str) -> str:
    """What a terminal shows until all that is wanted was there, or its end."""
    said = b""
    while not all(text.encode() in said for text in wanted):
        try:
            block = os.read(terminal, 65536)
        except OSError:  # how a terminal of Linux ends
            break
        if not block:
            break
        said += block
    return said.decode()


def test_a_terminal_sees_how_far_it_is_and_how_long_it_will_take(
    demo_server: RunningServer, direct: Connection, home: dict[str, str], big: Path
) -> None:
    terminal, other_end = pty.openpty()
    arguments = ("upload", direct.create_event(), big, *CHUNKS)
    with held(demo_server, home | {"TERM": "xterm"}, *arguments, way=HALF_UP, stderr=other_end) as (
        client,
        env,
    ):
        os.close(other_end)
        seen_by_ps = Path(f"/proc/{client.pid}/cmdline").read_bytes().split(b"\0")
        said = seen_on(terminal, "sending [b]ig.bin", " of 2.0 MiB", "iB/s", "0:")
    os.close(terminal)
    assert "sending [b]ig.bin" in said
    assert " of 2.0 MiB" in said
    assert "iB/s" in said
    assert b"upload" in seen_by_ps
    assert env["C8YBIN_PASSWORD"].encode() not in seen_by_ps


def test_what_is_for_scripts_goes_to_standard_output_beside_a_bar(
    demo_server: RunningServer, direct: Connection, home: dict[str, str], big: Path
) -> None:
    terminal, other_end = pty.openpty()
    env = environment(demo_server.url, **home, TERM="xterm")
    event_id = direct.create_event()
    with subprocess.Popen(
        command("upload", event_id, big, *CHUNKS),
        env=env,
        stdout=subprocess.PIPE,
        stderr=other_end,
        text=True,
    ) as client:
        os.close(other_end)
        said = seen_on(terminal, "the digest is the file's")
        assert client.stdout
        assert client.stdout.read() == f"{event_id}\n"
    os.close(terminal)
    assert event_id in said.rpartition("Attached")[2]


def test_a_list_on_a_terminal_is_a_table(demo_server: RunningServer, home: dict[str, str]) -> None:
    terminal, other_end = pty.openpty()
    env = environment(demo_server.url, **home, TERM="xterm", COLUMNS="100")
    with subprocess.Popen(command("ls", "--type", "c8y_Thermogram"), env=env, stdout=other_end):
        os.close(other_end)
        said = seen_on(terminal, "thermogram.png", "\n", "never shown")
    os.close(terminal)
    assert "7.0 KiB" in said
    assert all(len(line) <= 100 for line in said.splitlines()[1:])


def test_a_password_is_asked_for_and_neither_shown_nor_an_argument(
    demo_server: RunningServer, home: dict[str, str]
) -> None:
    terminal, other_end = pty.openpty()
    asked = command("download", "1", "--url", demo_server.url, "--user", "demo")
    with subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, str(other_end), *asked],
        env=environment(**home, TERM="xterm"),
        pass_fds=[other_end],
        stdout=subprocess.PIPE,
    ) as client:
        os.close(other_end)
        said = seen_on(terminal, "Password of demo at")
        seen_by_ps = Path(f"/proc/{client.pid}/cmdline").read_bytes()
        os.write(terminal, b"demo-is-wrong\n")
        said += seen_on(terminal, "Invalid credentials")
        assert client.wait(WAIT_S) == 4
    os.close(terminal)
    assert "demo-is-wrong" not in said
    # No bar while somebody types.
    assert "\x1b" not in said.partition("Password")[0]
    assert b"--user" in seen_by_ps


def test_a_certificate_that_nobody_signed_needs_to_be_told(
    serve: Serve, home: dict[str, str], tmp_path: Path
) -> None:
    def run(arguments: Sequence[object], env: dict[str, str], stdin: str = "") -> Result:
        return CliRunner(env=env).invoke(main, list(map(str, arguments)), input=stdin)

    def ls(env: dict[str, str], *arguments: object) -> Result:
        return run(("ls", *arguments), env)

    server = serve("--demo", "--tls-self-signed")
    (certificate,) = (tmp_path / "data" / "tls").glob("*cert*")
    env = environment(f"https://localhost:{server.port}", **home)
    refused = ls(env)
    assert (refused.exit_code, "--cacert" in refused.stderr, refused.stderr.count("\n")) == (5, True, 1)
    for good in (("--cacert", certificate), ("--insecure",)):
        done = ls(env, *good)
        assert (done.exit_code, "thermogram.png" in done.stdout) == (0, True)
        assert ("WARNING" in done.stderr) is (good == ("--insecure",))
    kept = ("login", "--user", "demo", "--password-stdin")
    told_by = {"C8YBIN_CACERT": str(certificate)}
    assert run(kept, env | told_by, "demo\n").exit_code == 0
    assert ls(environment(**home)).exit_code == 0
    bad = ls(env, "--cacert", __file__)
    assert (bad.exit_code, bad.stderr.count("\n")) == (2, 1)
