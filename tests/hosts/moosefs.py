"""MooseFS on a bed: one master, chunk servers with two copies of everything, a mount on each client host."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bed import Bed

MASTER = "master"
# Names, attributes and bytes are asked of the master and the chunk servers each time: what one host has changed is
# what the next reads. And an fsync is what it says, however soon after the creation of the file.
OPTIONS = (
    "mfsentrycacheto=0,mfsdirentrycacheto=0,mfsattrcacheto=0,mfsnegentrycacheto=0,"
    "mfsfsyncmintime=0,mfscachemode=DIRECT"
)
COMMANDS = (
    ("mfsmaster", "moosefs-master"),
    ("mfschunkserver", "moosefs-chunkserver"),
    ("mfsmount", "moosefs-client"),
)
COPIES = 2
_CLIENT_PORT = 9421
# A change is in a file before it is answered, lest a killed master forget it; 2 would fsync that file too.
# A lost copy is made anew after seconds, and not after five minutes.
MASTER_SETTINGS = "CHANGELOG_SAVE_MODE = 1\nOPERATIONS_DELAY_INIT = 5\nOPERATIONS_DELAY_DISCONNECT = 5\n"
CHUNK_SETTINGS = "HDD_FSYNC_BEFORE_CLOSE = 1\nMASTER_RECONNECTION_DELAY = 1\n"
_USER = "WORKING_USER = root\nWORKING_GROUP = root\n"


def keeps_bytes(bed: Bed) -> str:
    """The name of a part that keeps bytes, of which another one has a copy."""
    return "chunks1"


def keeps_names(bed: Bed) -> str | None:
    """The name of the part that keeps names."""
    return MASTER


def hosts(clients: Sequence[str], chunk_servers: int = 2) -> list[str]:
    """Return the names of the hosts of such a bed, with one for those who ask: `client`."""
    return [MASTER, *(f"chunks{n}" for n in range(1, chunk_servers + 1)), *clients, "client"]


def start(bed: Bed, clients: Sequence[str], chunk_servers: int = 2) -> None:
    """Start it: the parts `master`, `chunks1`..., and `mount HOST` for each client host."""
    address = bed.hosts[MASTER].address
    bed.add(
        MASTER,
        MASTER,
        _master(bed.folder, address),
        is_ready=lambda: bed.hosts[MASTER].answers(address, _CLIENT_PORT),
    ).start()
    for number in range(1, chunk_servers + 1):
        name = f"chunks{number}"
        bed.add(name, name, _chunk_server(bed.folder, name, bed.hosts[name].address, address)).start(
            waits=False
        )
    for name in clients:
        bed.add_mount(
            name, lambda point: ("mfsmount", "-f", str(point), "-H", address, "-o", OPTIONS)
        ).start()
    bed.agree()
    bed.hosts[clients[0]].run("mfssetgoal", str(COPIES), str(bed.mounts[clients[0]]))


def save_changes(bed: Bed, mode: int) -> None:
    """Let the master save its changes in another way: 0 in the background, 1 at once, 2 with an fsync."""
    path = bed.folder / MASTER / "mfsmaster.cfg"
    path.write_text(re.sub(r"(?<=CHANGELOG_SAVE_MODE = )\d", str(mode), path.read_text()))
    bed.parts[MASTER].kill()
    bed.parts[MASTER].start()
    bed.agree()


def _master(folder: Path, address: str) -> Sequence[str]:
    home = folder / MASTER
    home.mkdir()
    shutil.copy("/var/lib/mfs/metadata.mfs.empty", home / "metadata.mfs")
    (home / "exports").write_text("* / rw,alldirs,admin,maproot=0:0\n* . rw\n")
    (home / "topology").touch()
    listens = "".join(f"{who}_LISTEN_HOST = {address}\n" for who in ("MATOML", "MATOCS", "MATOCL"))
    (home / "mfsmaster.cfg").write_text(
        f"{_USER}SYSLOG_IDENT = {folder.name}\nDATA_PATH = {home}\n"
        f"EXPORTS_FILENAME = {home}/exports\nTOPOLOGY_FILENAME = {home}/topology\n{listens}"
        f"{MASTER_SETTINGS}"
    )
    # -a: after a kill, what the files of changes tell is added to the last copy of the metadata.
    return ("mfsmaster", "-f", "-a", "-c", str(home / "mfsmaster.cfg"), "start")


def _chunk_server(folder: Path, name: str, address: str, master: str) -> Sequence[str]:
    home = folder / name
    for below in ("state", "chunks"):
        (home / below).mkdir(parents=True)
    (home / "disks").write_text(f"{home}/chunks\n")
    (home / "mfschunkserver.cfg").write_text(
        f"{_USER}SYSLOG_IDENT = {folder.name}\nDATA_PATH = {home}/state\nHDD_CONF_FILENAME = {home}/disks\n"
        f"HDD_LEAVE_SPACE_DEFAULT = 64MiB\n{CHUNK_SETTINGS}"
        f"MASTER_HOST = {master}\n"
        f"CSSERV_LISTEN_HOST = {address}\nBIND_HOST = {address}\n"
    )
    return ("mfschunkserver", "-f", "-c", str(home / "mfschunkserver.cfg"), "start")
