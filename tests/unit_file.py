"""The systemd unit: what it lets through, and what a process asked of the kernel."""

import re
import subprocess
from pathlib import Path

UNIT = Path(__file__).parent.parent / "packaging" / "c8ybin.service"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)


def calls_in(log: Path) -> set[str]:
    """The system calls in a log of strace."""
    return set(_CALL.findall(log.read_text()))


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def allowed_calls(analyze: str) -> set[str]:
    """The system calls that the unit's filter lets through."""
    text = subprocess.run([analyze, "syscall-filter"], capture_output=True, text=True, check=True).stdout
    groups: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("@"):
            groups[name := line.strip()] = []
        elif (call := line.strip()) and not call.startswith("#"):
            groups[name].append(call)

    def calls(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        return set().union(*map(calls, groups[name]))

    allowed, *denied = settings()["SystemCallFilter"]
    assert [line[0] for line in denied] == ["~"]
    refused = set().union(*(calls(name) for name in denied[0][1:].split()))
    return set().union(*map(calls, allowed.split())) - refused
