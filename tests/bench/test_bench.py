"""The command, with the least work; the order of its work; what it installs; what it measures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import measure
from bench.__main__ import steps
from bench.peers import COPYPARTY, NGINX, PEERS, PLAIN_FSYNC, TUS
from bench.tools import HERE, Missing, Tools, compile_programs, install_node_modules, set_up
from bench.workloads import BARE, FLOORS, WORKLOADS

ROOT = HERE.parent
BY_NAME = {w.name: w for w in WORKLOADS}


def test_the_command_measures_c8ybin_beside_the_floors(tools: Tools, scratch: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples.json"
    command = [sys.executable, "-m", "bench", "--quick", "--scratch", scratch, "--json", out]
    command += ["--peers", "c8ybin,floor,wire,imports", "--only", "upload-1k,download-1k,chunks-5m,start"]
    command += ["--serve-arguments", "--threads 3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["about"]["failures"] == []
    samples = {(s["workload"], s["peer"]): s for s in found["samples"]}
    assert samples.keys() == {
        *(("upload-1k", p) for p in ("c8ybin", "floor", "wire")),
        *(("download-1k", p) for p in ("c8ybin", "wire")),
        ("chunks-5m", "c8ybin"),
        *(("start", p) for p in ("c8ybin", "imports")),
    }
    assert not any(s.get("errors") for s in samples.values())
    assert samples["upload-1k", "c8ybin"]["requests"] == 64
    chunks = samples["chunks-5m", "c8ybin"]
    assert (chunks["requests"], chunks["bytes"]) == (10, 50_000_000)
    assert chunks["server_cpu_s"] > 0
    assert samples["start", "c8ybin"]["idle_mb"] > 1
    assert "about 0.0 min left" in done.stderr
    assert done.stdout.startswith("| work ")
    # Nothing stays but what was compiled.
    assert [p.name for p in scratch.iterdir()] == ["tools"]


def test_rounds_take_turns_and_durable_work_stands_apart() -> None:
    planned = list(steps([BY_NAME["upload-1k"]], [NGINX, FLOORS[0], TUS, PLAIN_FSYNC, BARE], 2))
    assert [(subject.name, number) for _, subject, number in planned] == [
        *((name, 1) for name in ("floor", "plain-fsync", "nginx", "tus")),
        *((name, 2) for name in ("floor", "plain-fsync", "nginx", "tus")),
    ]


def test_a_workload_leaves_out_what_it_means_nothing_to() -> None:
    everybody = [*PEERS, *FLOORS, BARE]

    def takers(name: str) -> set[str]:
        return {s.name for s in everybody if BY_NAME[name].takes(s)}

    assert takers("chunks-5m") == {"c8ybin", "c8ybin-tls", "tus"}
    assert takers("connect") == {"c8ybin", "c8ybin-tls"}
    assert takers("start") == {"c8ybin", "c8ybin-tls", "nginx", "tus", "copyparty", "plain", "imports"}
    assert takers("upload-1k") == {s.name for s in (*PEERS, *FLOORS)}
    assert takers("download-50m") == {s.name for s in PEERS} - {"plain-fsync"}


def test_what_cannot_be_had_is_left_out_and_named(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A compiler alone, and no index to ask.
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    (tmp_path / "cc").write_text("#!/bin/sh\n")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = set_up(tmp_path / "tools", [TUS.name])
    assert found.missing == {"tus": "no node"}
    assert "bench: tus is left out: no node" in capsys.readouterr().err
    assert set_up(tmp_path / "tools", [COPYPARTY.name.upper()]).missing == {}


def test_a_compiler_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/bin/false")
    with pytest.raises(Missing, match="false: failed"):
        compile_programs(tmp_path)


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm")
def test_packages_that_npm_cannot_fetch_are_told_by_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "tus" / name, tmp_path)
    settings = {"registry": "http://127.0.0.1:9/", "cache": str(tmp_path / "cache"), "fetch_retries": "0"}
    for name, value in settings.items():
        monkeypatch.setenv(f"npm_config_{name}", value)
    with pytest.raises(Missing, match=r"npm: npm .* code ECONNREFUSED"):
        install_node_modules(tmp_path)


def test_the_locks_of_other_servers_have_hashes_and_no_address() -> None:
    tus = json.loads((HERE / "tus" / "package-lock.json").read_text())["packages"]
    assert all(p.get("integrity") and "resolved" not in p for name, p in tus.items() if name)
    copyparty = (HERE / "copyparty.lock").read_text()
    assert "--hash=sha256:" in copyparty
    assert "://" not in copyparty


ENDED_CHILD = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "while __import__('time').process_time() < 0.3: 0"])
print("ended", flush=True)
input()
"""

BUSY_CHILD = """
import os, time
child = os.fork()
if not child:
    while time.process_time() < 0.3:
        pass
    ballast = bytearray(os.urandom(20_000_000))
    print("busy", flush=True)
    time.sleep(60)
os.wait()
"""


def test_cpu_time_and_memory_are_those_of_the_whole_tree() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY_CHILD], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "busy\n"
        parent, child = measure.tree(process.pid)
        assert measure.cpu_s(parent) >= measure.cpu_s(child) >= 0.25
        assert measure.cpu_at_rest_s(parent) >= 0.25
        assert measure.memory_mb(parent) > measure.memory_mb(child) > 20
        with measure.peak_memory(parent) as peak:
            os.kill(child, 9)
            process.wait(30)
        assert peak[0] > 20
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_cpu_time_of_a_child_that_ended_still_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDED_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ended\n"
        assert len(measure.tree(process.pid)) == 1
        assert measure.cpu_s(process.pid) >= 0.25
        process.kill()
