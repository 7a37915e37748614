"""The plugin of pytest, in runs of pytest of their own: servers that are there for a test, and gone after it."""

import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import until

from c8ybin.testing import C8yServer, running
from c8ybin.testing.server import NotDone, NotStarted

pytest_plugins = "pytester"

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

TELLS = """
import os, pathlib

def tell(server):
    with open("told", "a") as file:
        file.write(f"{server.url} {server.data.parent}\\n")
"""


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for a run of pytest that finds the plugin as it does where c8ybin is installed."""
    info = pytester.mkdir("site") / "c8ybin_here-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: c8ybin-here\nVersion: 1\n")
    points = PROJECT["entry-points"]["pytest11"]
    (info / "entry_points.txt").write_text(
        "[pytest11]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
    )
    monkeypatch.setenv("PYTHONPATH", str(info.parent))
    monkeypatch.setenv("C8YBIN_MAX_BINARY", "1")
    if Path("/dev/shm").is_dir():
        monkeypatch.setenv("TMPDIR", "/dev/shm")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def told(pytester: pytest.Pytester) -> list[tuple[str, Path]]:
    lines = (pytester.path / "told").read_text().splitlines()
    return [(url, Path(folder)) for url, folder in map(str.split, lines)]


def is_gone(url: str, folder: Path) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0)).close()
    except ConnectionRefusedError:
        return not folder.exists()
    except ConnectionResetError:
        return False
    return False


def test_servers_are_there_for_tests_and_gone_whatever_these_come_to(installed: pytest.Pytester) -> None:
    installed.makepyfile(
        TELLS
        + """
import json, urllib.request
import pytest

@pytest.fixture(scope="session")
def c8y_server_options():
    return ["--max-binary", "10"]

def events(server):
    request = urllib.request.Request(f"{server.url}/event/events")
    import base64
    request.add_header("Authorization", "Basic " + base64.b64encode(":".join(server.auth).encode()).decode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["events"]

def test_of_its_own(c8y_server, c8y_session_server):
    tell(c8y_server), tell(c8y_session_server)
    assert c8y_server.url != c8y_session_server.url
    assert c8y_server.auth == (c8y_server.user, c8y_server.password)
    assert events(c8y_server) == []
    c8y_session_server.seed({"a.txt": "text"})
    assert len(events(c8y_session_server)) == 1
    assert (c8y_server.data / "events").is_dir()
    with pytest.raises(Exception, match="at most 10 bytes"):
        c8y_server.seed({"a": b"x" * 11})

def test_of_all(c8y_session_server):
    tell(c8y_session_server)
    assert len(events(c8y_session_server)) == 1
    c8y_session_server.reset()
    assert events(c8y_session_server) == []

def test_that_fails(c8y_server):
    tell(c8y_server)
    assert not c8y_server.url
"""
    )
    done = installed.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=1)
    first, session, again, failed = told(installed)
    assert session == again
    assert len({first, session, failed}) == 3
    for each in (first, session, failed):
        assert is_gone(*each)


def test_a_server_is_gone_when_the_run_is_interrupted(installed: pytest.Pytester) -> None:
    installed.makepyfile(
        TELLS + "def test_it(c8y_server):\n    tell(c8y_server)\n    raise KeyboardInterrupt\n"
    )
    assert installed.runpytest_subprocess().ret == pytest.ExitCode.INTERRUPTED
    assert [is_gone(*each) for each in told(installed)] == [True]


def test_a_server_goes_with_a_run_that_is_killed(installed: pytest.Pytester) -> None:
    installed.makepyfile(
        TELLS
        + """
import signal

def test_it(c8y_server):
    tell(c8y_server)
    print("up", flush=True)
    signal.pause()
"""
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s"], cwd=installed.path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert any("up" in line for line in process.stdout)
    ((url, folder),) = told(installed)
    assert not is_gone(url, folder)
    process.kill()
    process.wait()
    process.stdout.close()
    # Its output may be closed before its end is seen, whatever it says then.
    assert until(lambda: is_gone(url, folder))


def test_the_example_of_the_documents_works_as_printed(installed: pytest.Pytester) -> None:
    match = re.search(
        r"<!-- tested: pytest -->\n```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL
    )
    assert match
    installed.makepyfile(match[1])
    done = installed.runpytest_subprocess()
    assert done.parseoutcomes().keys() == {"passed"}


def test_it_costs_pytest_nothing_but_itself() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import c8ybin.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["c8ybin", "c8ybin.testing", "c8ybin.testing.plugin"]


def test_nobody_needs_pytest_to_run_c8ybin_nor_loads_what_only_testers_need() -> None:
    assert not any("pytest" in each for each in PROJECT["dependencies"])
    code = (
        "import sys; sys.modules['pytest'] = None; import c8ybin.cli.tethered, c8ybin.cli.serve; print(*sys.modules);"
        "from c8ybin.testing import running"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "c8ybin.server.channel" in loaded
    for_testers = (
        "c8ybin.seeds",
        "c8ybin.faults",
        "c8ybin.api.faults",
        "c8ybin.api.testers",
        "c8ybin.server.faulty",
    )
    assert loaded.isdisjoint(for_testers)


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


@pytest.fixture(scope="module")
def server() -> Iterator[C8yServer]:
    with running() as started:
        yield started


class TestServer:
    def test_it_takes_folders_tars_bytes_and_files_by_name(self, server: C8yServer, tmp_path: Path) -> None:
        folder = tmp_path / "given"
        (folder / "one").mkdir(parents=True)
        (folder / "one" / "event.json").write_text('{"text": "t"}')
        (folder / "one" / "a.csv").write_text("1")
        tar = tmp_path / "given.tar"
        subprocess.run(["tar", "cf", tar, "-C", folder, "."], check=True)
        given = {"one/event.json": {"text": "t"}, "one/a.csv": "1"}
        for source in (folder, str(folder), tar, tar.read_bytes(), given):
            (event,) = server.seed(source)
            assert (event["path"], event["attachment"]["name"]) == ("one", "a.csv")
        with pytest.raises(NotDone, match="leads out"):
            server.seed({"../x": "1"})

    def test_faults_are_planned_told_and_forgotten(self, server: C8yServer) -> None:
        server.fault(status=503, path="/event", count=2)
        assert server.faults() == [{"status": 503, "path": "/event", "count": 2}]
        server.clear_faults()
        assert server.faults() == []
        with pytest.raises(NotDone, match="status must be"):
            server.fault(status=1)

    def test_the_log_is_that_of_the_server(self, server: C8yServer) -> None:
        assert "Traceback" not in server.log
        assert "/" in repr(server)

    def test_one_that_does_not_start_says_why_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(NotStarted, match="is not a size"), running("--max-binary", "x"):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_one_that_does_not_end_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("c8ybin.testing.server._STOP_WITHIN_S", 0.1)
        before = children()
        with running() as server:
            (child,) = children() - before
            os.kill(int(child), signal.SIGSTOP)
        assert is_gone(server.url, server.data.parent)
