"""What is measured of a site as a whole: its start, its reindex, its inodes, its server's memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import measure
from bench.lists.site import Site
from bench.lists.works import List, Work
from bench.load import Failed
from bench.tools import Tools
from bench.workloads import Sample
from c8ybin.store.layout import BINARY, Layout

_FIRST_PAGE = "/event/events"
_REINDEX = [sys.executable, "-m", "c8ybin", "reindex"]
_INDEX = "index"
_ASK_EVERY_S = 0.1


def _ids(site: Site) -> list[str]:
    return [event["id"] for event in site.ask(_FIRST_PAGE)["events"]]


def start(site: Site, tools: Tools, number: int) -> Sample:
    """Start its server, and ask for a list at once.

    Raises:
        Failed: It does not start, or its first list is not what it is later.
    """
    with site.served(tools) as server:
        begun = time.monotonic()
        first = _ids(site)
        start_s = server.start_s + time.monotonic() - begun
        site.rest()
        if not first or first != _ids(site):
            raise Failed("the first list after the start is not the right one")
    return {"work": "start", "events": site.events, "round": number, "start_ms": start_s * 1e3}


def can_reindex() -> bool:
    """Tell whether this version has an index to make anew."""
    done = subprocess.run([*_REINDEX, "--help"], capture_output=True, check=False)
    return done.returncode == 0


def reindex(site: Site) -> Sample:
    """Make its index anew with nobody else there: once to warm up, and once to be timed.

    Raises:
        Failed: It cannot.
    """
    for _ in range(2):
        begun = time.monotonic()
        done = subprocess.run([*_REINDEX, "--data", site.root], capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode:
            raise Failed((done.stderr.strip() or "failed").splitlines()[-1])
    return {"work": "reindex", "events": site.events, "round": 1, "reindex_a_s": site.events / seconds}


def reindex_meanwhile(site: Site) -> Sample:
    """Make its index anew while its server is asked for lists, all of which must be right.

    Raises:
        Failed: It cannot, or a list was not right.
    """
    right, slowest_s, asked = _ids(site), 0.0, 0
    with subprocess.Popen(
        [*_REINDEX, "--data", site.root], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not asked or process.poll() is None:
            begun = time.monotonic()
            found = _ids(site)
            slowest_s, asked = max(slowest_s, time.monotonic() - begun), asked + 1
            if found != right:
                process.wait()
                raise Failed("a list is not right while the index is made anew")
            try:
                process.wait(_ASK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise Failed(f"reindex beside a server ended with {process.returncode}")
    return {"work": "meanwhile", "events": site.events, "round": 1, "meanwhile_ms": slowest_s * 1e3}


def memory(site: Site, works: Sequence[Work]) -> Sample:
    """Take the memory of its server, after it was asked for all lists; those find nothing in an empty one."""
    for work in works:
        for path in work.paths(site.fleet) if isinstance(work, List) else ():
            site.ask(path)
    used = measure.memory_mb(site.server.process.pid)
    return {"work": "memory", "events": site.events, "round": 1, "memory_mb": used}


def inodes(site: Site) -> Sample:
    """Count its inodes: of an event without and with an attachment, and all others for each event."""
    of: dict[bool, list[int]] = {False: [], True: []}
    tree = Layout(site.root).events
    others = _below(site.root / _INDEX) + 1
    for day in tree.iterdir():
        others += 1
        for hour in day.iterdir():
            others += 1
            for home in hour.iterdir():
                names = os.listdir(home)  # noqa: PTH208 - two million of them
                of[BINARY in names].append(1 + len(names))
    count = len(of[False]) + len(of[True])
    found: dict[str, Any] = {
        "work": "inodes",
        "events": site.events,
        "round": 1,
        "inodes_others": others / count,
    }
    for has_binary, name in ((False, "inodes_without"), (True, "inodes_with")):
        if of[has_binary]:
            found[name] = sum(of[has_binary]) / len(of[has_binary])
    return found


def _below(folder: Path) -> int:
    return sum(1 + len(names) for _, _, names in os.walk(folder))
