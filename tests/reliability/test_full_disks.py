"""Disks without room, for real: 507, nothing half done, deletions go on, and service again once there is room."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from disk_operations import CHANGES, NO_RESERVE, Ledger, Trial, check_error, leavings
from harness import EVENT, Serve, binaries, connected, pattern, until
from store_tools import new_root

MIB = 1 << 20
# Without it, root is bound by quotas too.
BOUND_BY_QUOTA = ("setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource")

Mounted = Callable[..., Path]


@dataclass
class Disk:
    """A small file system, and how it is filled.

    Attributes:
        point: Where it is mounted.
        spare: How much is left when it is full, in steps: bytes or files.
        prefix: What the server is started by.
        indifferent: The operation that needs nothing of what is scarce.
    """

    point: Path
    spare: tuple[int, ...] = (0, 4096, 12_288, 65_536, 200_704)
    prefix: tuple[str, ...] = ()
    indifferent: str = ""

    @property
    def root(self) -> Path:
        """The data directory."""
        return self.point / "data"

    @contextmanager
    def full(self, spare: int) -> Iterator[None]:
        """Leave `spare` bytes during the block."""
        # Whatever goes wrong, the disk that is filled is not the machine's own.
        assert os.path.ismount(self.point)
        status = os.statvfs(self.point)
        assert status.f_blocks * status.f_frsize < 512 * MIB
        filler = self.point / "filler"
        with filler.open("wb", buffering=0) as file:
            for step in (MIB, 4096, 512):
                with suppress(OSError):
                    while file.write(bytes(step)):
                        pass
            os.fsync(file.fileno())
            file.truncate(max(0, file.tell() - spare))
        yield
        filler.unlink()


@dataclass
class Inodes(Disk):
    """One that runs out of inodes; a chunk that is not the first is written to files that are there."""

    spare: tuple[int, ...] = (0, 1, 2, 3)
    indifferent: str = "next chunk"

    @contextmanager
    def full(self, spare: int) -> Iterator[None]:
        assert os.path.ismount(self.point)
        folder = self.point / "fillers"
        folder.mkdir()
        made: list[Path] = []
        with suppress(OSError):
            while len(made) < 5000:
                made.append(folder / str(len(made)))
                made[-1].touch()
        assert len(made) < 5000
        made.pop()
        for path in made[len(made) - spare :]:
            path.unlink()
        yield
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


@dataclass
class Quota(Disk):
    """A btrfs with room, of which a part, which holds the data directory, may use no more."""

    prefix: tuple[str, ...] = BOUND_BY_QUOTA
    btrfs: str = field(kw_only=True)

    @property
    def root(self) -> Path:
        return self.point / "part" / "data"

    def _limit(self, limit: object) -> None:
        # The part has the first number that btrfs gives. It is told by way of the whole, because
        # even the raising of a limit is refused to what has reached it.
        command = [self.btrfs, "qgroup", "limit", str(limit), "0/256", str(self.point)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def full(self, spare: int) -> Iterator[None]:
        shown = subprocess.run(
            [self.btrfs, "qgroup", "show", "-f", "--raw", "--sync", str(self.root.parent)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        used = int(shown.splitlines()[-1].split()[1])
        self._limit(used + spare)
        yield
        self._limit("none")


@pytest.fixture(params=["tmpfs", "ext4", "inodes of tmpfs", "inodes of ext4", "quota"])
def disk(request: pytest.FixtureRequest, mounted: Mounted, command: Callable[..., str]) -> Disk:
    match request.param:
        case "tmpfs":
            return Disk(mounted("tmpfs", size="8m"))
        case "ext4":
            return Disk(mounted("ext4", megabytes=16))
        case "inodes of tmpfs":
            # Lock files take 1025.
            return Inodes(mounted("tmpfs", size="16m,nr_inodes=1225"))
        case "inodes of ext4":
            return Inodes(mounted("ext4", megabytes=16, make=("-N", "1280")))
        case _:
            command("setpriv", "util-linux")
            btrfs = command("btrfs", "btrfs-progs")
            point = mounted("btrfs", megabytes=128)
            for arguments in (("quota", "enable", point), ("subvolume", "create", point / "part")):
                done = subprocess.run([btrfs, *map(str, arguments)], capture_output=True, text=True)
                if done.returncode:
                    pytest.skip(f"no quota here: {done.stderr}")
            return Quota(point, btrfs=btrfs)


def test_a_disk_without_room_takes_deletions_alone_and_leaves_nothing_half_done(
    disk: Disk, serve: Serve, locks: Path, ledger: Ledger, request: pytest.FixtureRequest, full: bool
) -> None:
    root = new_root(disk.root, locks)
    server = serve(*NO_RESERVE, data=root, prefix=disk.prefix)
    kind = request.node.callspec.id
    struck = set()
    with connected(server) as c:
        for spare in disk.spare if full else disk.spare[::2]:
            for operation in CHANGES:
                trial = Trial(c, ledger, operation, f"{kind} full but for {spare}")
                with disk.full(spare):
                    status = trial.attempt(507)
                    if status == 507:
                        struck.add(operation.name)
                    assert status == operation.success or not operation.frees, (kind, operation.name)
                    was_new = trial.check()  # GETs go on
                    assert was_new == (status == operation.success), (kind, operation.name)
                    # `unindexed` tells that the index lacks a change, until the next one can be told to it, too.
                    assert [left for left in leavings(root) if not left.endswith("/unindexed")] == []
                trial.succeed()
                if operation.new:
                    assert c.ask("DELETE", f"/event/events/{trial.id or trial.found()}")[0].status == 204
    # Each operation that needs room met a disk that had none.
    assert struck == {o.name for o in CHANGES if not o.frees} - {disk.indifferent}
    assert server.stop() == 0
    assert leavings(root) == []
    assert not any("Traceback" in line for line in server.lines)


@pytest.mark.parametrize("disk", ["tmpfs", "quota"], indirect=True)
def test_a_full_disk_is_told_by_health_and_deletions_bring_it_back(
    disk: Disk, serve: Serve, locks: Path
) -> None:
    server = serve(*NO_RESERVE, data=new_root(disk.root, locks), prefix=disk.prefix)
    with connected(server) as c:
        events = [c.create_event() for _ in range(3)]
        for event_id in events:
            assert c.ask("POST", binaries(event_id), pattern(100_000))[0].status == 201
        with disk.full(0):
            assert until(lambda: c.ask("GET", "/health")[0].status == 503)
            document = json.loads(c.ask("GET", "/health")[1])
            assert (document["status"], document["error"]) == ("DOWN", "general/Insufficient Storage")
            assert "full" in document["message"]
            check_error(*c.ask("POST", "/event/events", json.dumps(EVENT)), [507])
            assert c.ask("GET", binaries(events[0]))[1] == pattern(100_000)
            assert c.ask("DELETE", binaries(events[0]))[0].status == 204
            assert c.ask("DELETE", f"/event/events/{events[1]}")[0].status == 204
            assert c.ask("DELETE", "/event/events?type=test_Event")[0].status == 204
            assert until(lambda: c.ask("GET", "/health")[0].status == 200)
            assert until(lambda: c.ask("POST", "/event/events", json.dumps(EVENT))[0].status == 201)
    assert server.process.poll() is None


def test_a_server_that_was_killed_on_a_full_disk_starts_on_it_and_deletes(
    disk: Disk, serve: Serve, locks: Path
) -> None:
    root = new_root(disk.root, locks)
    server = serve(*NO_RESERVE, data=root, prefix=disk.prefix)
    with connected(server) as c:
        events = [c.create_event() for _ in range(2)]
        for event_id in events:
            assert c.ask("POST", binaries(event_id), pattern(100_000))[0].status == 201
    with disk.full(0):
        server.stop(signal.SIGKILL)
        again = serve(*NO_RESERVE, data=root, prefix=disk.prefix)
        with connected(again) as c:
            assert c.ask("GET", binaries(events[0]))[1] == pattern(100_000)
            assert c.ask("DELETE", binaries(events[0]))[0].status == 204
            assert c.ask("DELETE", f"/event/events/{events[1]}")[0].status == 204
    assert again.stop() == 0
    # Once there is room, the next start takes it in again.
    serve(*NO_RESERVE, data=root, prefix=disk.prefix)
    assert sorted(path.name for path in (root / "ballast").iterdir()) == list("01234567")


def test_a_body_that_found_no_room_takes_none(mounted: Mounted, serve: Serve, locks: Path) -> None:
    disk = Disk(mounted("tmpfs", size="8m"))
    server = serve(*NO_RESERVE, data=new_root(disk.root, locks))
    with connected(server) as c:
        event_id = c.create_event()
        with disk.full(65_536):
            before = os.statvfs(disk.point).f_bfree
            for fields in ({}, {"Content_Range": "0-199999/400000"}):
                # Half of it finds room, and is not to keep it.
                check_error(*c.ask("POST", binaries(event_id), pattern(200_000), **fields), [507])
                assert os.statvfs(disk.point).f_bfree == before, fields
                assert not any(path.stat().st_size for path in disk.root.glob("tmp/*/spool-*"))


def test_a_file_system_that_reports_no_size_is_out_of_reach_and_not_full(
    mounted: Mounted, serve: Serve, locks: Path
) -> None:
    # As MooseFS does whose master is up again and whose chunk servers are not.
    point = mounted("tmpfs", size="80m")
    server = serve("--demo", data=new_root(point / "data", locks))
    with connected(server) as c:
        event_id = c.create_event()
        subprocess.run(["mount", "-o", "remount,size=0", str(point)], check=True, timeout=60)
        for address, body in (("/event/events", json.dumps(EVENT)), (binaries(event_id), b"x")):
            answer, data = c.ask("POST", address, body)
            assert "cannot be reached" in check_error(answer, data, [503])
            assert answer.headers["Retry-After"]
        assert b"unreachable" in c.ask("GET", "/health")[1]
        assert c.ask("DELETE", f"/event/events/{event_id}")[0].status == 204


def test_the_reserve_is_refused_before_the_disk_is_full_and_deletions_bring_it_back(
    mounted: Mounted, serve: Serve, locks: Path, ledger: Ledger
) -> None:
    point = mounted("tmpfs", size="80m")
    root = new_root(point / "data", locks)
    server = serve("--demo", data=root)  # the default reserve of 64 MiB
    chunk = {"Content_Range": f"0-{MIB - 1}/*"}

    def free() -> int:
        status = os.statvfs(point)
        return status.f_bavail * status.f_frsize

    with connected(server) as c:
        first, second, third = (c.create_event() for _ in range(3))
        assert c.ask("POST", binaries(first), pattern(12 * MIB))[0].status == 201
        # Told by the length, before the body is read; the second by its bytes, as they come.
        for body in (pattern(6 * MIB), iter([pattern(3 * MIB)] * 2)):
            check_error(*c.ask("POST", binaries(second), body), [507])
            ledger.faults.add(("below the reserve", f"attach {type(body).__name__}"))
        assert free() > 64 * MIB
        (point / "other").write_bytes(bytes(free() - 64 * MIB + 4096))
        assert free() < 64 * MIB
        for method, address, body, fields in (
            ("POST", "/event/events", json.dumps(EVENT), {}),
            ("POST", binaries(second), b"x", {}),
            ("PUT", binaries(first), b"x", {}),
            ("POST", binaries(third), pattern(MIB), chunk),
            ("PUT", f"/event/events/{first}", '{"text":"changed"}', {}),
        ):
            check_error(*c.ask(method, address, body, **fields), [507], method + address)
            ledger.faults.add(("below the reserve", f"{method} {address}"))
        assert until(lambda: c.ask("GET", "/health")[0].status == 503)
        assert c.ask("GET", binaries(first))[1] == pattern(12 * MIB)
        assert c.ask("DELETE", binaries(first))[0].status == 204
        assert free() > 64 * MIB
        assert c.ask("POST", binaries(second), pattern(6 * MIB))[0].status == 201
        assert c.ask("POST", binaries(third), pattern(MIB), **chunk)[0].status == 200
        assert until(lambda: c.ask("GET", "/health")[0].status == 200)
        assert c.ask("DELETE", f"/event/events/{third}")[0].status == 204
    assert server.stop() == 0
    assert leavings(root) == []
