"""A sample tells when a server did not do what it answered; data goes without freeing inodes."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.load import Failed
from bench.peers import C8YBIN, C8YBIN_TLS, WIRE
from bench.sampling import Bench, _empty
from bench.servers import started
from bench.tools import Missing, Tools, add_tls
from bench.workloads import WORKLOADS, quick

QUICK = {w.name: quick(w) for w in WORKLOADS}
# It answers 201 and keeps nothing, and 200 with nothing.
LIAR = replace(WIRE, name="liar", command=lambda tools, _, port: [tools.program("wire"), str(port)])


@pytest.mark.parametrize(
    ("workload", "told"),
    [("upload-1k", r"only \d+ bytes are on the disk"), ("download-1k", r"only [\d,]+ bytes were received")],
)
def test_a_server_that_lies_is_an_error(tools: Tools, scratch: Path, workload: str, told: str) -> None:
    found = Bench(tools, scratch).sample(QUICK[workload], LIAR, 1)
    assert found["errors"] == 1
    assert re.fullmatch(told, found["first_error"])


def test_a_server_that_does_not_start_is_told_with_its_last_word(tools: Tools, scratch: Path) -> None:
    dead = replace(WIRE, command=lambda tools, root, _: [tools.program("floor"), "attach", root])
    word = "it did not start: floor: /root: File exists"
    with pytest.raises(Failed, match=word), started(dead, tools, scratch / "root"):
        pytest.fail("it answers")


def test_the_warming_requests_are_not_counted(tools: Tools, scratch: Path) -> None:
    found = Bench(tools, scratch).sample(QUICK["upload-1k"], C8YBIN, 1)
    assert (found["requests"], found["errors"]) == (64, 0)
    attachments = list((scratch / "upload-1k-c8ybin-1" / "data" / "events").rglob("content-*"))
    assert len([p for p in attachments if p.stat().st_size == 1024]) == 2 * 64


@pytest.mark.parametrize("workload", ["upload-1k", "download-50m", "connect"])
def test_the_generator_speaks_tls(tools: Tools, scratch: Path, workload: str) -> None:
    try:
        add_tls(tools.folder)
    except Missing as error:
        pytest.skip(str(error))
    found = Bench(tools, scratch).sample(QUICK[workload], C8YBIN_TLS, 1)
    assert found["requests"] >= 1
    assert (found["errors"], found["first_error"]) == (0, "")


def test_large_files_give_back_their_blocks_and_no_inode(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "folder" / "large"
    large.parent.mkdir()
    small.write_bytes(bytes(1000))
    large.write_bytes(bytes(3_000_000))
    (tmp_path / "link").symlink_to(large)
    inode = os.stat(large).st_ino
    assert _empty(tmp_path) == 3_001_000
    assert (small.stat().st_size, large.stat().st_size) == (1000, 0)
    assert large.stat().st_ino == inode
