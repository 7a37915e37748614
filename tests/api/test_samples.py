"""The examples of the description: each is run, as it is shown, against a real server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import Connection, RunningServer, binaries, connected, servers

from c8ybin.api.description.samples import EVENT_ID, FILE, LANGUAGES, OPERATIONS, URL, samples

CONTENT = b"all is well\n"
# Of a chunked upload, so that the example is long enough for more than one chunk.
LONG = bytes(5 * 1024 * 1024) + CONTENT
CHUNKED = "put_event_events_event_id_binaries"
END = "end of a sample"

# What runs all examples of a language one after the other, each from its own folder: a start for each takes seconds.
_SHELL = """
for folder; do
    (cd "$folder" && bash -euo pipefail sample)
    echo && echo "$END"
done
"""
_PYTHON = """
import os, runpy, sys, warnings
warnings.simplefilter("ignore", ResourceWarning)  # they leave it to the end to close files
for folder in sys.argv[1:]:
    os.chdir(folder)
    runpy.run_path("sample")
    print(os.environ["END"])
"""
_JAVASCRIPT = """
for (const folder of process.argv.slice(1)) {
  process.chdir(folder);
  await import(`${folder}/sample.mjs`);
  console.log(process.env.END);
}
"""
RUNNERS = {
    "curl": ("curl", ["bash", "-euo", "pipefail", "-c", _SHELL, "bash"], "sample"),
    "Python": (sys.executable, [sys.executable, "-c", _PYTHON], "sample"),
    "JavaScript": ("node", ["node", "--no-warnings", "--input-type=module", "-e", _JAVASCRIPT], "sample.mjs"),
}


@dataclass(frozen=True)
class Tried:
    """A sample that was run: on which event, where, and what it printed."""

    event_id: str
    folder: Path
    shown: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with servers(tmp_path_factory.mktemp("samples") / "data") as start:
        yield start("--demo")


def prepared(c: Connection, operation: str) -> str:
    """Make what a sample works on; return the event."""
    event_id = c.create_event()
    if operation in ("get_event_events_event_id_binaries", "delete_event_events_event_id_binaries"):
        assert c.ask("POST", binaries(event_id), CONTENT)[0].status == 201
    return event_id


@pytest.fixture(scope="module")
def tried(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Tried]:
    """All samples of a language, by their operations."""
    language = request.param
    needed, program, name = RUNNERS[language]
    if not shutil.which(needed):
        message = f"{needed} is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    events, folders = [], []
    with connected(server) as c:
        for operation in OPERATIONS:
            (source,) = [s["source"] for s in samples(operation) if s["label"] == language]
            events.append(prepared(c, operation))
            folders.append(tmp_path_factory.mktemp(operation))
            (folders[-1] / name).write_text(source.replace(URL, server.url).replace(EVENT_ID, events[-1]))
            if operation != "get_event_events_event_id_binaries":
                (folders[-1] / FILE).write_bytes(LONG if operation == CHUNKED else CONTENT)
    done = subprocess.run(
        [*program, *map(str, folders)],
        env=os.environ | {"END": END},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = done.stdout.split(f"{END}\n")
    return dict(zip(OPERATIONS, map(Tried, events, folders, shown), strict=True))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("tried", LANGUAGES, indirect=True)
def test_a_sample_does_what_its_operation_says(
    server: RunningServer, tried: dict[str, Tried], operation: str
) -> None:
    it = tried[operation]
    method = operation.partition("_")[0]
    with connected(server) as c:
        found = c.ask("GET", binaries(it.event_id))
        event = c.ask("GET", f"/event/events/{it.event_id}", Accept="application/json")
    if operation.endswith("_binaries") and method in ("post", "put"):
        assert found[1] == (LONG if operation == CHUNKED else CONTENT)
        assert found[0].headers["Content-Disposition"] == f'attachment; filename="{FILE}"'
    elif operation == "get_event_events_event_id_binaries":
        assert (it.folder / FILE).read_bytes() == CONTENT
    elif method == "delete":
        assert found[0].status == 404
        assert event[0].status == (404 if operation == "delete_event_events_event_id" else 200)
    elif operation == "put_event_events_event_id":
        assert b"A log, looked at" in event[1]
    else:
        assert {"get_health": "UP", "get_event_events": "events"}.get(operation, "id") in it.shown


def test_an_operation_without_samples_has_none() -> None:
    assert samples("get_docs") == []
