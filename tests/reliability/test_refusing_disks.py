"""Disks that refuse for a while: read-only ones, and no descriptor left to open a file with."""

import json
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disk_operations import CHANGES, NEW, NO_RESERVE, Ledger, Trial, check_error, leavings, swept
from harness import Serve, binaries, connected, until
from store_tools import new_root

Mounted = Callable[..., Path]
Command = Callable[..., str]


@contextmanager
def read_only(point: Path) -> Iterator[None]:
    """Let the names below a mount be read-only during the block.

    `remount,ro` of the file system itself is refused while a server has files of it open for
    writing. So it is mounted over itself, and that is remounted. The server's own folder, which it holds open, is
    of the mount below: what moves from there meets EXDEV, as under any mount over a data directory in use.
    """
    subprocess.run(["mount", "--bind", str(point), str(point)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(point)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


def test_a_disk_that_is_read_only_for_a_while(
    mounted: Mounted, serve: Serve, locks: Path, ledger: Ledger
) -> None:
    point = mounted("ext4")
    root = new_root(point / "data", locks)
    server = serve(*NO_RESERVE, data=root)
    with connected(server) as c:
        trials = [Trial(c, ledger, operation, "EROFS") for operation in CHANGES]
        with read_only(point):
            for trial in trials:
                assert trial.attempt(503) == 503
                assert not trial.check()
            answer, body = c.ask("GET", "/health")
            assert (answer.status, json.loads(body)["status"]) == (503, "DOWN")
            assert re.search("read-only|mounted over", json.loads(body)["message"])
        # What was built in its own folder cannot be removed by its path then; the next server sweeps it.
        assert [left for left in leavings(root) if "/event-" not in left] == []
        for trial in trials:
            trial.succeed()
    swept(serve, server, root)
    assert leavings(root) == []
    assert not any("Traceback" in line for line in server.lines)


def test_an_ext4_that_met_an_error_is_read_only_and_keeps_what_was_acknowledged(
    mounted: Mounted, serve: Serve, locks: Path, ledger: Ledger
) -> None:
    """What ext4 does by itself when the disk under it fails; it needs a new mount, hence a new server."""
    point = mounted("ext4", options="errors=remount-ro")
    (source,) = re.findall(rf"^/dev/(loop\d+) {point} ", Path("/proc/mounts").read_text(), re.MULTILINE)
    trigger = Path("/sys/fs/ext4") / source / "trigger_fs_error"
    if not trigger.exists():
        pytest.skip("this kernel's ext4 takes no order to fail")
    root = new_root(point / "data", locks)
    # What `new_root` makes is not durable.
    subprocess.run(["sync", "--file-system", str(point)], check=True)
    server = serve(*NO_RESERVE, data=root)
    with connected(server) as c:
        done = [Trial(c, ledger, operation, "before the error") for operation in CHANGES]
        for trial in done:
            trial.succeed()
        trials = [Trial(c, ledger, operation, "an ext4 with an error") for operation in CHANGES]
        trigger.write_text("1")
        for trial in trials:
            assert trial.attempt(503) == 503
            assert not trial.check()
        assert c.ask("GET", "/health")[0].status == 503
    assert server.stop() == 0
    subprocess.run(["umount", str(point)], check=True)
    subprocess.run(["mount", "-o", "loop", str(point).replace("mounted", "image"), str(point)], check=True)
    again = serve(*NO_RESERVE, data=root)
    assert until(lambda: len(list((root / "tmp").iterdir())) == 1)
    with connected(again) as c:
        for trial in done:
            assert trial.check(c)
        for trial in trials:
            assert not trial.check(c)
            trial.succeed()
    assert again.stop() == 0
    assert leavings(root) == []


def test_a_process_without_descriptors_is_503_for_a_while(
    serve: Serve, quick_root: Path, ledger: Ledger
) -> None:
    server = serve(*NO_RESERVE, data=quick_root)
    pid = server.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with connected(server) as c, connected(server) as late:
        trials = [Trial(c, ledger, operation, "EMFILE") for operation in CHANGES]
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), NEW)[0].status == 201
        # Below what is open already: nothing more can be.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (5, limits[1]))
        try:
            for trial in trials:
                assert trial.attempt(503) == 503
            check_error(*c.ask("GET", binaries(event_id)), [503])
            answer, body = c.ask("GET", "/health")
            assert (answer.status, json.loads(body)["status"]) == (503, "DOWN")
            assert "too many files" in json.loads(body)["message"]
            late.request("GET", "/health")  # waits, for the kernel alone can take it
            for _ in range(50):
                check_error(*c.ask("GET", "/event/events"), [503])
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert late.getresponse().status in (200, 503)
        for trial in trials:
            trial.succeed()
    swept(serve, server, quick_root)
    assert leavings(quick_root) == []
    # The connection that waited was tried a few times, not as often as the loop turns.
    assert 0 < sum("no connection can be accepted now" in line for line in server.lines) < 50
    assert not any("Traceback" in line for line in server.lines)
