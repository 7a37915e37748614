"""What the figures were taken on, for whoever reads them."""

import json
import os
import platform
import re
import subprocess
from pathlib import Path

from bench.tools import HERE, Tools
from c8ybin import __version__


def file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on (proc_pid_mountinfo(5)); empty where unknown."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[2] == wanted:
            return line.partition(" - ")[2].split()[0]
    return ""


def describe(folder: Path) -> str:
    """Describe the machine in a line; it names nobody."""
    load = os.getloadavg()[0]
    parts = (
        f"{os.cpu_count()} CPUs",
        f"{file_system(folder) or 'unknown file system'}",
        f"{platform.system()} {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        f"load average {load:.1f} at the start",
    )
    return ", ".join(parts)


def versions(tools: Tools) -> dict[str, str]:
    """Return the versions of what is compared."""
    found = {"c8ybin": __version__}
    if tools.nginx:
        told = subprocess.run([tools.nginx, "-v"], capture_output=True, text=True, check=False).stderr
        found["nginx"] = told.strip().rpartition("/")[2]
    if tools.tus:
        pinned = json.loads((HERE / "tus" / "package.json").read_text())["dependencies"]
        found["@tus/server"] = pinned["@tus/server"]
    if tools.copyparty:
        match = re.search(r"^copyparty==(\S+)", (HERE / "copyparty.lock").read_text(), re.MULTILINE)
        found["copyparty"] = match[1] if match else "?"
    return found
