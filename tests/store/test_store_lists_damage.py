"""Damage to the index: whatever becomes of a file of it, lists are right, and the log says why they took longer."""

import logging
import os
import shutil
from random import Random

import pytest
from brute_force import SOURCES, TIMES, check_lists, listed
from store_tools import Desk

from c8ybin.domain.queries import Paging, Query
from c8ybin.domain.records import decode, encode
from c8ybin.index import Unsound


def truncated(path):
    os.truncate(path, path.stat().st_size // 2)


def emptied(path):
    os.truncate(path, 0)


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path):
    data = bytearray(path.read_bytes())
    if data:  # the lock is empty
        data[len(data) // 2] ^= 1
    path.write_bytes(data)


def removed(path):
    path.unlink()


def a_directory(path):
    path.unlink()
    path.mkdir()


def replaced_by_noise(path):
    path.unlink()
    path.write_bytes(Random(1).randbytes(5000))


DAMAGES = (truncated, emptied, zeroed, flipped, removed, a_directory, replaced_by_noise)


@pytest.fixture()
def root(quick_root):
    return quick_root


@pytest.fixture(autouse=True)
def small_columns(monkeypatch):
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 6)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 4)
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)


def fill(desk, count=3):
    for number in range(count):
        for time in TIMES:
            event_id = desk.create(source={"id": SOURCES[number % 3]}, time=time, a="x")
    desk.attach(event_id, b"bytes")
    return event_id


def check(desk, count=15):
    check_lists(desk, Random(7), count)


def files_of(root, kind):
    index = root / "index"
    return {
        "manifest": [index / "manifest"],
        "column": sorted((index / "columns").iterdir()),
        "log": sorted(index.glob("*.log")),
        "lock": [root / "locks" / "index"],
    }[kind]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["manifest", "column", "lock"])
@pytest.mark.parametrize("when", ["before a start", "while processes run"])
def test_a_damaged_file_changes_no_list(root, kind, damage, when, caplog):
    with Desk(root) as writer, Desk(root) as reader:
        fill(writer)
        check(reader, 5)
        reader.disk.index.fold()
        fill(writer, 1)
        if when == "while processes run":
            check(writer, 5)
        caplog.clear()
        damage(files_of(root, kind)[-1])
        with Desk(root) as fresh:
            for desk in (writer, reader) if when == "while processes run" else (fresh,):
                check(desk)
                desk.delete(fill(desk, 1))
                check(desk)
                try:
                    desk.disk.index.fold()
                except (Unsound, OSError) as error:  # the keeper logs it, and mends
                    caplog.records.append(logging.makeLogRecord({"msg": str(error)}))
                check(desk, 10)
        assert not [record for record in caplog.records if record.exc_info]
        if kind != "lock":
            assert caplog.records


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_damaged_log_of_a_process_that_runs_changes_no_list(root, damage, whose, caplog):
    with Desk(root) as writer, Desk(root) as reader:
        check(reader, 5)
        fill(writer)
        check(reader, 5)
        check(writer, 5)
        damage(next((root / "index").glob(f"{writer.writer.name}-*.log")))
        first, second = (writer, reader) if whose == "its own" else (reader, writer)
        for desk in (first, second, first):
            try:
                desk.disk.index.fold()
            except (Unsound, OSError) as error:
                caplog.records.append(logging.makeLogRecord({"msg": str(error)}))
            check(desk)
            desk.delete(fill(desk, 1))
            check(desk)
        assert not [record for record in caplog.records if record.exc_info]
        assert caplog.records


def sections_of(path):
    data = path.read_bytes()
    (header,), start = decode(data[: data.index(b"\n") + 1], "")
    return {name: (start + offset, length) for name, (offset, length, _) in header["sections"].items()}


def test_each_section_of_a_column_is_held_against_its_checksum(root, caplog):
    with Desk(root) as desk:
        fill(desk)
        check(desk, 5)
        (names,) = {tuple(sections_of(path)) for path in files_of(root, "column")}
        assert len(names) == 10
        for name in names:
            with Desk(root) as writer:
                path = files_of(root, "column")[0]
                start, length = sections_of(path)[name]
                assert length
                data = bytearray(path.read_bytes())
                data[start + length // 2] ^= 0x10
                path.write_bytes(data)
                caplog.clear()
                with Desk(root) as fresh:
                    check(fresh, 60)
                    listed(fresh, Query(fragment_type="a", fragment_value="x", source="1001"), Paging(2000))
                assert f"{name} are damaged" in caplog.text
                check(writer, 5)


@pytest.mark.parametrize("kind", ["manifest", "column"])
def test_a_file_of_a_newer_format_is_made_anew(root, kind, caplog):
    with Desk(root) as desk:
        fill(desk)
        check(desk, 5)
        path = files_of(root, kind)[0]
        line, _, rest = path.read_bytes().partition(b"\n")
        (record,), _ = decode(line + b"\n", "")
        record.pop("crc", None)
        path.unlink()
        path.write_bytes(encode(record | {kind: record[kind] + 1}) + rest)
        caplog.clear()
        with Desk(root) as fresh:
            check(fresh)
        assert "format" in caplog.text
        check(desk)


def test_a_line_that_this_version_does_not_know_has_the_index_made_anew(root, caplog):
    with Desk(root) as desk:
        fill(desk)
        check(desk, 5)
        with (root / "index" / "abc-1.log").open("ab") as file:
            file.write(encode({"merged": 1}))
        caplog.clear()
        check(desk)
        assert "does not know" in caplog.text
        caplog.clear()
        check(desk)
        assert not caplog.records


@pytest.mark.parametrize("contents_only", [True, False])
def test_the_index_may_be_removed_at_any_moment(root, contents_only):
    with Desk(root) as one, Desk(root) as other:
        for _ in range(3):
            last = fill(one, 1)
            check(other, 5)
            for path in [root / "index", *(root / "index").iterdir()][contents_only:]:
                if path.exists():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            other.delete(last)
            check(one, 5)
            check(other, 5)


def test_a_plain_file_in_the_place_of_the_index_is_gone_around_until_it_goes(root, caplog):
    with Desk(root) as one, Desk(root) as other:
        fill(one)
        check(other, 5)
        shutil.rmtree(root / "index")
        (root / "index").touch()
        last = fill(one, 1)
        for desk in (one, other):
            check(desk, 10)
        other.delete(last)
        for desk in (one, other):
            check(desk, 10)
        assert "lists walk the tree until the index can be written again" in caplog.text
        assert not [record for record in caplog.records if record.exc_info]
        (root / "index").unlink()
        for desk in (one, other):
            check(desk, 10)
        assert not list(root.glob("tmp/*/unindexed"))
        caplog.clear()
        for desk in (one, other):
            check(desk, 10)
        assert not caplog.records


def test_one_line_that_waited_alone_lets_lists_use_the_index_again(root):
    with Desk(root) as desk:
        check(desk, 1)
        shutil.rmtree(root / "index")
        (root / "index").touch()
        desk.create()
        assert list(root.glob("tmp/*/unindexed"))
        (root / "index").unlink()
        check(desk, 1)
        assert not list(root.glob("tmp/*/unindexed"))
        assert not desk.store.listing._is_bypassed()
