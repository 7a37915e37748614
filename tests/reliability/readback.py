"""Reads everything back that a load was acknowledged, over HTTP and on the disk."""

import base64
import hashlib
import json
from pathlib import Path

from harness import Connection, RunningServer, binaries, connected, until
from ledger import Case, Ledger
from promises import KIND, File, Request, Shown, range_told, send_chunk

from c8ybin.store.beats import BEAT
from c8ybin.store.binary import read_binary
from c8ybin.store.check import Check
from c8ybin.store.commit import named_contents
from c8ybin.store.fence import is_fenced
from c8ybin.store.journal import is_void, read_journal
from c8ybin.store.layout import BINARY, EVENT, JOURNAL, Layout
from c8ybin.store.read_only import WRITES
from c8ybin.store.writer import ALIVE, DRAFTS, FENCED, HOURS


def look(connection: Connection, case: Case) -> tuple[Shown | None, list[str]]:
    """Read an event and its binary; nobody changes them meanwhile.

    Returns:
        What is there, None for no event, and what contradicts itself in it.

    Raises:
        OSError, HTTPException: The server does not answer.
    """
    answer, body = connection.ask("GET", f"/event/events/{case.id}")
    if answer.status == 404:
        return None, []
    if answer.status != 200:
        return None, [f"{case.id}: GET of the event is {answer.status}"]
    event = json.loads(body)
    file, faults = _download(connection, case)
    fragment = event.get("c8y_IsBinary")
    if fragment != (file and {"name": file.name, "type": file.type, "length": file.length}):
        faults.append(f"{case.id}: the event tells {fragment}, the download {file}")
    return Shown(event["text"], file, event.get("c8y_IsIncompleteBinary", {}).get("range")), faults


def _download(connection: Connection, case: Case) -> tuple[File | None, list[str]]:
    answer, data = connection.ask("GET", binaries(case.id))
    head, _ = connection.ask("HEAD", binaries(case.id))
    if answer.status == head.status == 404:
        return None, []
    if (answer.status, head.status) != (200, 200):
        return None, [f"{case.id}: GET and HEAD of the binary are {answer.status} and {head.status}"]
    digest = hashlib.sha256(data)
    agree = {
        "Content-Length": str(len(data)),
        "Repr-Digest": f"sha-256=:{base64.b64encode(digest.digest()).decode()}:",
        "ETag": answer.headers["ETag"],
        "Content-Type": answer.headers["Content-Type"],
    }
    faults = [
        f"{case.id}: {field} of {method} is {got.headers[field]}, not {value}"
        for field, value in agree.items()
        for method, got in (("GET", answer), ("HEAD", head))
        if got.headers[field] != value
    ]
    if case.tags.setdefault(answer.headers["ETag"], digest.hexdigest()) != digest.hexdigest():
        faults.append(f"{case.id}: other bytes under the same entity tag")
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    return File(digest.hexdigest(), len(data), name, answer.headers["Content-Type"]), faults


def verify(server: RunningServer, ledger: Ledger, *, everything: bool = False) -> None:
    """Read back what changed since the last time, or everything, and note what is lost or mixed.

    What is found then counts as the state: a server that was killed has it in the page
    cache, and a file system that was cut off has been mounted anew.
    """
    with connected(server) as connection:
        _, body = connection.ask("GET", f"/event/events?type={KIND}&pageSize=2000&withTotalElements=true")
        page = json.loads(body)
        events = page["events"]
        assert len(events) < 2000
        # The index counts, and what it counts wrongly is dropped from the page alone.
        if page["statistics"]["totalElements"] != len(events):
            ledger.mixed.append(f"{len(events)} events are listed, and counted as {page['statistics']}")
        for case in ledger.cases:
            if everything or case.is_new:
                shown, faults = look(connection, case)
                ledger.mixed += faults
                ledger.read_back(case, shown)
                _send_again(connection, ledger, case)
    ledger.compare_list(events)
    ledger.forget_deleted()


def _send_again(connection: Connection, ledger: Ledger, case: Case) -> None:
    """Send every chunk that arrived once more: that is refused, or begins anew, unless the same bytes are there."""
    for state in case.possible:
        if state and state.upload:
            for chunk in sorted(state.upload.arrived):
                _send(connection, ledger, case, send_chunk(state.upload.plan, chunk))
    case.is_new = False


def _send(connection: Connection, ledger: Ledger, case: Case, request: Request) -> None:
    answer, body = connection.ask(request.method, request.path(case.id), request.body, **request.fields)
    ledger.settle(case, request, answer.status, range_told(answer.status, body))


def finish_uploads(server: RunningServer, ledger: Ledger) -> None:
    """Send what is missing of every upload, so that the bytes of all its chunks can be read."""
    with connected(server) as connection:
        for case in ledger.cases:
            [state] = case.possible
            if state and state.upload:
                for chunk in set(state.upload.plan.chunks) - state.upload.arrived:
                    _send(connection, ledger, case, send_chunk(state.upload.plan, chunk))


def is_a_writers(name: str) -> bool:
    """Tell whether a running process keeps something of this name in its folder."""
    return name in (ALIVE, BEAT, DRAFTS, FENCED, HOURS, WRITES) or name.startswith("spool-")


def leavings(root: Path, running: int) -> list[str]:
    """Return what lies on the disk for nobody, once the dead writers were swept and nothing is under way.

    The folder of one that was fenced stays for as long as a file system keeps its locks.

    Args:
        root: The data directory.
        running: How many servers use it.
    """
    layout = Layout(root)

    def writers_left() -> list[Path]:
        return sorted(folder for folder in layout.tmp.iterdir() if not is_fenced(folder))

    until(lambda: len(writers_left()) == running)
    writers = writers_left()
    left = [f"{len(writers)} writers: {writers}"] if len(writers) != running else []
    left += [str(finding) for finding in Check(layout).run()]
    # The check spares what bears the name of a running writer, for it may be under way.
    left += [str(path) for path in layout.tmp.glob("*/**/*") if not is_a_writers(path.name)]
    for _, home in layout.walk():
        files = {path.name for path in home.iterdir()}
        journal = read_journal(home)
        if EVENT not in files or (journal and is_void(journal, read_binary(home))):
            left.append(f"{home}: {sorted(files)}")
        left += [str(home / name) for name in files - {EVENT, BINARY, JOURNAL} - named_contents(home)]
    return left
