"""The floors do what they say: the files, the fsyncs, the bytes."""

import json
import subprocess
from pathlib import Path

import pytest
from strace_log import STRACE

from bench.load import Load, output_of, request
from bench.peers import BIG, SMALL, WIRE
from bench.servers import started
from bench.tools import Tools

COUNT, BYTES = 6, 300_000


def run_floor(tools: Tools, way: str, folder: Path) -> None:
    command = [tools.program("floor"), way, folder]
    found = output_of([*command, "--threads", "3", "--bytes", str(BYTES), "--count", str(COUNT)])
    assert found["requests"] == COUNT


def test_the_floor_leaves_the_files_of_an_attach(tools: Tools, tmp_path: Path) -> None:
    run_floor(tools, "attach", tmp_path / "root")
    homes = sorted((tmp_path / "root" / "events").iterdir())
    assert len(homes) == COUNT
    for home in homes:
        names = sorted(p.name.partition("-")[0] for p in home.iterdir())
        assert names == ["binary.json", "content", "event.json"]
        assert {p.stat().st_size for p in home.glob("content-*")} == {BYTES}
        assert json.loads((home / "binary.json").read_text())["owner"] == "demo"
    assert list((tmp_path / "root" / "tmp").iterdir()) == []


@pytest.mark.parametrize("way", ["plain", "loose"])
def test_the_plain_floor_leaves_one_file_each(tools: Tools, tmp_path: Path, way: str) -> None:
    run_floor(tools, way, tmp_path / "root")
    files = [p for p in (tmp_path / "root").rglob("*") if p.is_file()]
    assert [p.stat().st_size for p in files] == [BYTES] * COUNT


# An attach: body, draft, and the directory before the link and after it (docs/design.md).
@pytest.mark.parametrize(
    ("way", "files", "directories"), [("attach", 2, 2), ("plain", 1, 1), ("loose", 0, 0)]
)
@pytest.mark.usefixtures("strace")
def test_the_floor_makes_durable_what_it_says(
    tools: Tools, tmp_path: Path, way: str, files: int, directories: int
) -> None:
    log = tmp_path / "log"
    command = [tools.program("floor"), way, tmp_path / "root", "--bytes", "1", "--count", "1"]
    subprocess.run([STRACE, "-f", "-qq", "-y", "-e", "trace=fsync", "-o", log, *command], check=True)
    synced = [line.partition("<")[2].partition(">")[0] for line in log.read_text().splitlines()]
    assert [len([p for p in synced if Path(p).is_dir()]), len(synced)] == [directories, files + directories]


def test_the_wire_forgets_uploads_and_sends_files(tools: Tools, tmp_path: Path) -> None:
    load = Load(tools.program("load"), tmp_path)
    with started(WIRE, tools, tmp_path / "root") as server:
        uploads = [request("PUT", f"/{n}", size, 201) for n, size in enumerate((0, 1024, 3_000_000))]
        assert load.run(server.port, uploads, connections=2).figures["errors"] == 0
        downloads = [request("GET", f"/{which}/1", 0, 200) for which in ("big", "small", "big")]
        found = load.run(server.port, downloads, connections=1).figures
    assert (found["requests"], found["errors"]) == (3, 0)
    assert 2 * BIG + SMALL < found["bytes_received"] < 2 * BIG + SMALL + 1000
