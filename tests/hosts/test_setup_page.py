"""docs/hosts-setup.md, held against what the beds are made of."""

import re
from pathlib import Path

import balancer
import cephfs
import glusterfs
import moosefs
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "hosts-setup.md").read_text()
HOSTS_OWN = {"MASTER_HOST"}


def blocks(kind: str, heading: str) -> str:
    """The blocks of one kind below a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL))


def settings(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) = (.+)$", text, re.MULTILINE))


def test_moosefs_is_what_the_bed_has(tmp_path: Path) -> None:
    (tmp_path / "mfs").mkdir()
    told = settings(blocks("ini", "MooseFS step by step"))
    used = settings(moosefs.MASTER_SETTINGS) | settings(moosefs.CHUNK_SETTINGS)
    # Other tests are content with 1, and the table has a row for 2.
    assert {**used, "CHANGELOG_SAVE_MODE": "2"}.items() >= {
        k: v for k, v in told.items() if k not in HOSTS_OWN
    }.items()
    commands = blocks("sh", "MooseFS step by step")
    assert f"-o {moosefs.OPTIONS}\n" in commands
    assert f"mfssetgoal {moosefs.COPIES} " in commands
    for _, package in moosefs.COMMANDS:
        assert package in commands


def test_cephfs_is_what_the_bed_has() -> None:
    told = settings(blocks("ini", "CephFS step by step"))
    assert settings(cephfs.SETTINGS).items() >= told.items()
    assert len(told) > 10
    commands = blocks("sh", "CephFS step by step").splitlines()
    assert [line for line in commands if line.startswith("ceph ")] == [
        f"ceph {c}" for c in cephfs.FILE_SYSTEM
    ]


def test_glusterfs_is_what_the_bed_has() -> None:
    commands = blocks("sh", "GlusterFS step by step")
    told = dict(re.findall(rf"^gluster volume set {glusterfs.VOLUME} (\S+) (\S+)$", commands, re.MULTILINE))
    assert told == glusterfs.OPTIONS
    assert " ".join(glusterfs.MOUNT_OPTIONS) in commands


@pytest.mark.parametrize("line", ["map $uri $event {", *balancer.LOCATION.split("\n")])
def test_nginx_is_what_the_tests_run(line: str) -> None:
    if not line.strip().startswith("#"):
        assert line.strip() in blocks("nginx", "On every host that serves")
