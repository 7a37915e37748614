"""The bed itself: cables that are pulled, and nothing that stays behind, however a run ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bed as beds
import own_mounts
import pytest
from bed import Bed
from harness import is_gone, until
from network import NAMESPACES

CHILD = """
import sys
from pathlib import Path
import bed
with bed.opened(["a", "b"], Path(sys.argv[1])) as made:
    made.add("sleeper", "a", ("sleep", "1000")).start()
    point = made.folder / "mount-a"
    point.mkdir()
    made.hosts["a"].run("mount", "-t", "tmpfs", "tmpfs", str(point))
    print(made.folder, made.parts["sleeper"].pid, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, None], ids=["killed", "ended"])
def test_nothing_of_a_run_stays_behind(bed: Bed, tmp_path: Path, number: int | None) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout
    folder, pid = child.stdout.readline().split()
    token = folder.rpartition("-")[2]
    beds.sweep(tmp_path)
    assert len(list(NAMESPACES.glob(f"*-{token}-*"))) == 3, "a run that goes on is left alone"
    if number:
        child.send_signal(number)
    child.communicate(timeout=60)
    if number:
        assert not is_gone(int(pid))
        beds.sweep(tmp_path)
    assert is_gone(int(pid))
    assert not list(NAMESPACES.glob(f"*-{token}-*"))
    assert not Path(folder).exists()
    assert folder not in Path("/proc/self/mounts").read_text()


def test_a_cable_that_is_pulled_says_nothing_and_loses_nothing(bed: Bed) -> None:
    here, there = bed.hosts["a"], bed.hosts["b"]
    listener = here.listen()
    with listener, there.dial(listener.getsockname(), 10) as asking:
        taken, _ = listener.accept()
        with taken:
            bed.network.cut("a")
            asking.sendall(b"sent meanwhile")
            assert not there.answers(*listener.getsockname())
            # On the host itself all is well.
            assert here.answers(*listener.getsockname())
            bed.network.heal("a")
            taken.settimeout(60)
            assert taken.recv(100) == b"sent meanwhile"


def test_no_address_of_a_bed_is_reachable_from_here(bed: Bed) -> None:
    listener = bed.hosts["a"].listen()
    with listener, pytest.raises(OSError):
        socket.create_connection(listener.getsockname(), 0.5).close()


def shown_as_disks() -> str:
    """What the loop devices of this machine show."""
    return subprocess.run(
        ["losetup", "--noheadings", "--output", "BACK-FILE"], capture_output=True, text=True
    ).stdout


@pytest.mark.usefixtures("bed")  # for its reasons to skip
def test_a_process_with_mounts_of_its_own_keeps_no_disk_of_others(
    tmp_path: Path, command: Callable[..., str]
) -> None:
    image, point = tmp_path / "image", tmp_path / "some where"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    point.mkdir()
    subprocess.run([command("mkfs.ext4", "e2fsprogs"), "-q", str(image)], check=True, timeout=60)
    subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True, timeout=60)
    process = None
    try:
        (point / "there").touch()
        process = subprocess.Popen(
            own_mounts.beginning_with("echo begun", tmp_path, ("sleep", "1000")), stdout=subprocess.PIPE
        )
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        subprocess.run(["umount", str(point)], check=True, timeout=60)
        # The bed itself has copies for a moment, in commands of ip(8).
        assert until(lambda: str(image) not in shown_as_disks())
        assert process.poll() is None
    finally:
        if process:
            process.kill()
            process.communicate(timeout=60)
        subprocess.run(["umount", str(point)], capture_output=True, timeout=60)
