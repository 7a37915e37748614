"""`c8ybin top`: its figures, its JSON, and its screen on a real terminal."""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from contextlib import ExitStack
from io import StringIO

import pytest
from click.testing import CliRunner
from harness import connected, servers
from rich.console import Console

from c8ybin.cli import main
from c8ybin.cli.figures import figures_of, quantile, read_metrics
from c8ybin.cli.remote.profiles import profile_file, write_profile
from c8ybin.cli.screen import Screen

COMMAND = [sys.executable, "-m", "c8ybin", "top"]
WAIT_S = 60


def reading(at_s, requests=0, *, start=1.0, slow=0, status="200"):
    read = read_metrics(
        f"""# TYPE c8ybin_requests counter
c8ybin_requests_total{{method="GET",route="/event",status="{status}"}} {requests}
c8ybin_requests_total{{method="GET",route="/metrics",status="200"}} 1000
# TYPE c8ybin_request_duration_seconds histogram
c8ybin_request_duration_seconds_bucket{{method="GET",route="/event",le="0.01"}} {requests - slow}
c8ybin_request_duration_seconds_bucket{{method="GET",route="/event",le="0.1"}} {requests}
c8ybin_request_duration_seconds_bucket{{method="GET",route="/event",le="+Inf"}} {requests}
c8ybin_request_duration_seconds_count{{method="GET",route="/event"}} {requests}
c8ybin_request_duration_seconds_sum{{method="GET",route="/event"}} 1
# TYPE c8ybin_start_time_seconds gauge
c8ybin_start_time_seconds {start}
"""
    )
    return type(read)(at_s, read.samples)


class TestFigures:
    def test_rates_are_of_the_span_and_without_what_watches(self):
        figures = figures_of(reading(10.0, 100), reading(12.0, 160))
        assert figures["requests"]["rate"] == 30
        assert [row["route"] for row in figures["routes"]] == ["/event"]

    def test_a_server_that_was_started_anew_begins_at_nothing(self):
        assert figures_of(reading(10.0, 100), reading(12.0, 6, start=2.0))["requests"]["rate"] == 3

    @pytest.mark.parametrize(("status", "refused", "failed"), [("404", 5, 0), ("503", 0, 5), ("200", 0, 0)])
    def test_refused_and_failed_requests_are_told_apart(self, status, refused, failed):
        requests = figures_of(reading(0.0, 0, status=status), reading(1.0, 5, status=status))["requests"]
        assert (requests["refused"], requests["failed"]) == (refused, failed)

    def test_quantiles_are_of_the_span_alone(self):
        figures = figures_of(reading(0.0, 1000, slow=1000), reading(1.0, 1100, slow=1000))
        assert figures["requests"]["p99"] <= 0.01
        assert figures_of(reading(0.0, 5), reading(1.0, 5))["requests"]["p99"] is None

    def test_a_quantile_lies_between_the_bounds_of_its_bucket(self):
        buckets = {1.0: 10.0, 2.0: 20.0, float("inf"): 20.0}
        assert (quantile(buckets, 0.5), quantile(buckets, 0.75)) == (1.0, 1.5)
        assert quantile({1.0: 0.0, float("inf"): 3.0}, 0.5) == 1.0

    @pytest.mark.parametrize("text", ["", "<html>", "go_threads 7\n"])
    def test_what_is_not_ours_is_refused(self, text):
        with pytest.raises(ValueError):
            read_metrics(text)


def run(*arguments, **environment):
    environment = {"XDG_CONFIG_HOME": "/nonexistent"} | environment
    return CliRunner().invoke(main, ["top", *arguments], env=environment)


ACCOUNT = {"C8YBIN_USER": "demo", "C8YBIN_PASSWORD": "demo"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server for all of these, which change nothing in it."""
    with servers(tmp_path_factory.mktemp("top") / "data") as start:
        yield start("--demo")


def test_one_look_as_json(server):
    done = run("--once", "--json", C8YBIN_URL=server.url, **ACCOUNT)
    assert (done.exit_code, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["workers"] == {"running": 1, "wanted": 1, "restarts": 0}
    assert figures["store"]["up"]
    assert figures["store"]["events"] > 0
    assert figures["requests"]["rate"] == 0


def test_the_server_is_found_as_by_the_commands_of_the_client(tmp_path):
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    with servers(tmp_path) as start:
        server = start("--demo", "--tls-self-signed", data=tmp_path / "data")
        authority = str(tmp_path / "data" / "tls" / "certificate.pem")
        write_profile(
            profile_file(config),
            "box",
            {"url": server.url, "user": "demo", "password": "demo", "cacert": authority},
        )
        for arguments, environment in (
            (["--profile", "box"], {}),
            (["--url", server.url], {}),  # whose secret the profile has
            (["--url", server.url, "--cacert", authority], ACCOUNT | {"XDG_CONFIG_HOME": str(tmp_path)}),
            (["--insecure"], {"C8YBIN_URL": server.url}),
        ):
            done = run("--once", "--json", *arguments, **(config | environment))
            assert done.exit_code == 0, done.stderr
        unknown = run("--once", "--url", server.url, **ACCOUNT, XDG_CONFIG_HOME=str(tmp_path))
        assert (unknown.exit_code, "certificate" in unknown.stderr.lower()) == (1, True)


def test_the_config_file_names_the_server_where_nothing_else_does(server, tmp_path):
    ours, other = tmp_path / "ours.toml", tmp_path / "other.toml"
    ours.write_text(f'url = "{server.url}"\nuser = "demo"\n')
    other.write_text('url = "http://127.0.0.1:1"\nuser = "nobody"\nprofile = "none"\n')
    for file, environment in (
        (ours, {"C8YBIN_PASSWORD": "demo"}),
        (other, ACCOUNT | {"C8YBIN_URL": server.url}),
        (other, {"C8Y_HOST": server.url, "C8Y_USER": "demo", "C8Y_PASSWORD": "demo"}),
    ):
        done = run("--once", "--json", "--config", str(file), **environment)
        assert done.exit_code == 0, done.stderr


def test_what_is_wrong_is_said_in_a_sentence(server):
    assert run("--once", "--profile", "none").exit_code == 2
    wrong = run("--once", "--url", server.url)
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "C8YBIN_PASSWORD" in wrong.stderr
    no_terminal = run("--url", server.url, **ACCOUNT)
    assert (no_terminal.exit_code, "terminal" in no_terminal.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = f"http://127.0.0.1:{taken.getsockname()[1]}"
    gone = run("--once", "--url", free)
    assert (gone.exit_code, "does not answer" in gone.stderr) == (1, True)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, lines, columns, **environment):
        self.master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen(
            [*COMMAND, "--interval", "1s"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "TERM")}
            | {"TERM": "xterm-256color", "XDG_CONFIG_HOME": "/nonexistent"}
            | environment,
            start_new_session=True,
        )
        self.terminal = terminal
        self.said = ""

    def read_until(self, *words):
        """Read until all the words were said since the last call."""
        self.said = ""
        deadline = time.monotonic() + WAIT_S
        while not all(word in self.said for word in words):
            assert select.select([self.master], [], [], deadline - time.monotonic())[0], self.said
            self.said += os.read(self.master, 65536).decode()
        return self.said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for fd in (self.master, self.terminal):
            os.close(fd)

    def end(self):
        code = self.process.wait(WAIT_S)
        assert termios.tcgetattr(self.terminal) == self.before
        return code


def lines_of(screen):
    """The lines of a screen without what colours them."""
    plain, inside = "", False
    for character in screen:
        if character == "\x1b":
            inside = True
        elif not inside:
            plain += character
        elif character.isalpha():
            inside = False
    return [line.rstrip() for line in plain.replace("\r", "").split("\n")]


@pytest.fixture
def terminal(server):
    """Return a maker of terminals on which the screen is shown."""
    with ExitStack() as stack:
        yield lambda lines, columns: stack.enter_context(
            Terminal(lines, columns, C8YBIN_URL=server.url, **ACCOUNT)
        )


def test_the_screen_fits_80_by_24_and_q_ends_it(server, terminal):
    shown = terminal(24, 80)
    shown.read_until("\x1b[?1049h", "q ends", "99 % within")
    with connected(server) as c:
        for _ in range(20):
            assert c.ask("GET", "/tenant/currentTenant")[0].status == 200
    shown.read_until("GET /tenant/currentTenant")
    screen = lines_of(shown.said[shown.said.rindex("c8ybin 0") :])
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 80
    text = "\n".join(screen)
    for words in (
        "Requests",
        "Store",
        "Disk writes",
        "Processes",
        "disk free",
        "fsyncs a second",
        "1 of 1, 0",
    ):
        assert words in text
    assert "…" not in text, text
    os.write(shown.master, b"q")
    shown.read_until("\x1b[?1049l")
    assert shown.end() == 0


def test_the_password_of_who_is_named_is_asked_for(server):
    with Terminal(24, 80, C8YBIN_URL=server.url, C8YBIN_USER="demo") as shown:
        shown.read_until(f"Password of demo at {server.url}")
        os.write(shown.master, b"demo\n")
        shown.read_until("q ends", "99 % within")
        os.write(shown.master, b"q")
        shown.read_until("\x1b[?1049l")
        assert shown.end() == 0


def test_ctrl_c_ends_the_screen_quietly(terminal):
    shown = terminal(40, 120)
    shown.read_until("q ends", "99 % within")
    shown.process.send_signal(signal.SIGINT)
    assert "Traceback" not in shown.read_until("\x1b[?1049l")
    assert shown.end() == 0


@pytest.mark.parametrize(
    ("problem", "changes", "words"),
    [
        ("http://box does not answer: gone.", {}, "does not answer"),
        (None, {"store": {"up": False, "trouble": "disk-full"}}, "The store takes nothing: disk-full"),
        (None, {"index": {"usable": False}}, "The index is of no use"),
        (None, {"workers": {"running": 1}}, "being replaced"),
    ],
)
def test_the_screen_says_what_is_wrong(problem, changes, words):
    figures = figures_of(reading(0.0), reading(1.0, 5))
    figures["store"]["up"] = figures["index"]["usable"] = True
    figures["workers"] = {"running": 2, "wanted": 2, "restarts": 0}
    for part, values in changes.items():
        figures[part] |= values
    console = Console(width=80, height=24, file=StringIO())
    console.print(Screen("http://box").draw(console, figures, problem))
    assert words in console.file.getvalue().splitlines()[1]
