"""The systemd unit: how open it is by systemd's own measure, and that the server does with what it leaves."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness import RunningServer, connected
from strace_log import STRACE
from unit_file import UNIT, allowed_calls, calls_in

ROOT = Path(__file__).parent.parent
MOST_EXPOSED = 2.0


def test_the_unit_is_rated_below_2(analyze: str) -> None:
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=19", str(UNIT)], capture_output=True, text=True
    )
    match = re.search(r"exposure level for c8ybin.service: ([\d.]+)", done.stdout)
    assert match, done.stderr
    assert float(match[1]) < MOST_EXPOSED
    assert done.returncode == 0


def test_a_whole_session_makes_no_system_call_that_the_unit_forbids(
    analyze: str, strace: str, serve: Callable[..., RunningServer], tmp_path: Path
) -> None:
    log = tmp_path / "strace.log"
    # Root, too, gives no file away where the directory is its own.
    server = serve("--demo", workers=2, prefix=[STRACE, "-D", "-f", "-qq", "-o", str(log)])
    with connected(server) as c:
        event_id = c.create_event()
        path = f"/event/events/{event_id}/binaries"
        assert c.ask("POST", path, b"bytes")[0].status == 201
        assert c.ask("PUT", path, bytes(2 << 20))[0].status == 201
        assert c.ask("GET", path)[0].status == 200
        assert c.ask("GET", "/event/events?pageSize=100")[0].status == 200
        assert c.ask("DELETE", path)[0].status == 204
        assert c.ask("DELETE", f"/event/events/{event_id}")[0].status == 204
        assert c.ask("GET", "/health")[0].status == 200
    assert server.stop() == 0
    used = calls_in(log)
    assert {"openat2", "sendfile", "accept4"} <= used
    used |= {
        "io_setup",
        "io_submit",
        "io_getevents",
        "io_destroy",
    }  # what several clients at once bring about
    assert used - allowed_calls(analyze) == set()


def test_the_unit_and_the_socket_are_sound(analyze: str, tmp_path: Path) -> None:
    for name in ("c8ybin.service", "c8ybin.socket"):
        text = (ROOT / "packaging" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/c8ybin", "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "c8ybin.service"), str(tmp_path / "c8ybin.socket")],
        capture_output=True,
        text=True,
    )
    assert [line for line in done.stderr.splitlines() if "c8ybin" in line] == []
