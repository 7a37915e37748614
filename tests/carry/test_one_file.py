"""The executable: in a root that holds nothing else, where no directory lets anything be executed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from curl_session import run_curl_session
from harness import RunningServer, connected, until
from strace_log import STRACE
from unit_file import allowed_calls, calls_in

# As in the image of the Dockerfile: a root with the executable, /proc, a few devices, and a data directory that is
# mounted noexec as all else is; nothing else can be written, by a user who is not root.
EMPTY_ROOT = """
set -eu
mount -t tmpfs -o mode=755 none "$1"
cd "$1"
mkdir proc dev data tmp
cp "$2" c8ybin
mount -t proc none proc
for name in null urandom; do
    : >dev/$name
    mount --bind /dev/$name dev/$name
done
mount -t tmpfs -o noexec,mode=1777 none tmp
mount --bind "$3" data
mount -o remount,bind,noexec data
chown 10001:10001 data
mount -o remount,bind,ro .
eval "$4"
shift 4
unshare --pid --fork chroot --userspec=10001:10001 . /c8ybin "$@"
"""
FORBID_MEMORY = "echo 2 >/proc/sys/vm/memfd_noexec"
LET_TMP_EXECUTE = "mount -o remount,exec tmp"


def may_change_root() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


needs_root = pytest.mark.skipif(
    not may_change_root(), reason="only root may change its root (unshare, chroot)"
)


@pytest.fixture
def in_empty_root(built: Path, tmp_path: Path) -> Callable[[str], list[str]]:
    """Return what starts the executable in an empty root, after a command of the shell there."""
    (tmp_path / "root").mkdir()
    (tmp_path / "data").mkdir()

    def command(first: str = ":") -> list[str]:
        places = [str(tmp_path / "root"), str(built / "c8ybin"), str(tmp_path / "data"), first]
        # The shell is the first process, with which all end; a user's change would undo that for the executable,
        # which is the first one of another namespace.
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return [*isolated, "sh", "-c", EMPTY_ROOT, "sh", *places]

    return command


@needs_root
def test_it_serves_the_curl_session_in_an_empty_root_where_nothing_else_may_be_executed(
    serve: Callable[..., RunningServer], in_empty_root: Callable[..., list[str]], tmp_path: Path
) -> None:
    server = serve("--demo", data=Path("/data"), program=in_empty_root(), workers=2)
    run_curl_session(server.url, tmp_path)
    assert sorted(p.name for p in (tmp_path / "root").iterdir()) == []  # mounts of its own
    assert list((tmp_path / "data" / "events").rglob("binary.json"))


@needs_root
def test_where_files_in_memory_may_not_be_executed_a_directory_does(
    serve: Callable[..., RunningServer], in_empty_root: Callable[..., list[str]]
) -> None:
    if not Path("/proc/sys/vm/memfd_noexec").exists():
        pytest.skip("this kernel forbids no files in memory (before 6.3)")
    program = in_empty_root(f"{FORBID_MEMORY}; {LET_TMP_EXECUTE}")
    server = serve("--demo", data=Path("/data"), program=program)
    with connected(server) as c:
        assert c.create_event()


@needs_root
def test_where_no_place_may_be_executed_one_sentence_says_what_to_do(
    in_empty_root: Callable[..., list[str]],
) -> None:
    if not Path("/proc/sys/vm/memfd_noexec").exists():
        pytest.skip("this kernel forbids no files in memory (before 6.3)")
    done = subprocess.run([*in_empty_root(FORBID_MEMORY), "--version"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("c8ybin: this system lets no file in memory be executed")
    assert done.stderr.endswith("set TMPDIR to a directory that is not mounted noexec.\n")


@needs_root
def test_without_proc_one_sentence_says_what_to_mount(in_empty_root: Callable[..., list[str]]) -> None:
    done = subprocess.run([*in_empty_root("umount proc"), "--version"], capture_output=True, text=True)
    assert (done.returncode, "mount /proc" in done.stderr) == (2, True)


def test_workers_are_replaced_and_it_may_be_exchanged_while_it_runs(
    serve: Callable[..., RunningServer], built: Path, tmp_path: Path
) -> None:
    program = tmp_path / "c8ybin"
    shutil.copy(built / "c8ybin", program)
    server = serve("--demo", program=[str(program)], workers=2)
    program.unlink()
    program.write_bytes(b"the next version")
    first = server.workers()
    os.kill(min(first), signal.SIGKILL)
    assert until(lambda: len(server.workers() - first) == 1)
    run_curl_session(server.url, tmp_path)
    assert server.stop() == 0


def test_the_caller_sees_nothing_of_how_it_starts(serve: Callable[..., RunningServer], built: Path) -> None:
    foreign = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "LD_LIBRARY_PATH": "/nowhere"}
    server = serve("--demo", program=[str(built / "c8ybin")], PYTHONSTARTUP="/nowhere", **foreign)
    process = Path("/proc") / str(server.process.pid)
    assert process.joinpath("comm").read_text() == "c8ybin\n"
    shown = process.joinpath("cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert shown[:2] == [b"c8ybin", b"serve"]
    assert shown[-1] == b"--demo"
    held = []
    for descriptor in process.joinpath("fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.append(str(descriptor.readlink()))
    assert not any("memfd:0" in name for name in held)


def test_a_file_that_was_cut_short_says_so(built: Path, tmp_path: Path) -> None:
    short = tmp_path / "c8ybin"
    short.write_bytes((built / "c8ybin").read_bytes()[:-1000])
    short.chmod(0o755)
    done = subprocess.run([short, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "c8ybin: this file is not whole; copy it once more.\n")


def test_commands_run_from_it(built: Path, tmp_path: Path) -> None:
    environment = {"C8YBIN_DATA": str(tmp_path / "data"), "PATH": ""}
    for arguments in ("user add ann --no-password", "check --quick", "backup -o b.tar", "reindex"):
        done = subprocess.run(
            [built / "c8ybin", *arguments.split()],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_it_starts_as_the_systemd_unit_lets_it(
    analyze: str, strace: None, serve: Callable[..., RunningServer], built: Path, tmp_path: Path
) -> None:
    log = tmp_path / "strace.log"
    # As MemoryDenyWriteExecute: nothing that could be written becomes executable (Linux 6.3; else no change).
    shut_in = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    prefix = [STRACE, "-D", "-f", "-qq", "-o", str(log), sys.executable, "-c", shut_in]
    server = serve("--demo", prefix=prefix, program=[str(built / "c8ybin")])
    with connected(server) as c:
        assert c.create_event()
    assert server.stop() == 0
    used = calls_in(log)
    assert {"memfd_create", "execveat"} <= used
    assert used - allowed_calls(analyze) == set()
