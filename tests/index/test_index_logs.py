"""Logs: lines come back in their order, torn ones do not count, damaged ones are told of."""

import os

import pytest

from c8ybin.index.damage import Unsound
from c8ybin.index.log import (
    LogWriter,
    cut_off_damage,
    end_of_lines,
    gone_line,
    is_superseded,
    log_names,
    read_lines,
    touched_line,
)
from c8ybin.index.manifest import MANIFEST


@pytest.fixture()
def told():
    return []


@pytest.fixture()
def writer(folder, told):
    made = LogWriter(folder, "aa", told.append)
    yield made
    made.close()


def test_lines_come_back_in_order_and_from_where_one_left_off(folder, writer):
    path = folder / "aa-1.log"
    writer.append(touched_line(1))
    records, end = read_lines(path, 0)
    assert records[0]["touched"] == 1
    writer.append(gone_line(2, -5))
    writer.append(gone_line(3, None))
    records, end = read_lines(path, end)
    assert [(r["gone"], r["time"]) for r in records] == [(2, -5), (3, None)]
    assert read_lines(path, end) == ([], end) == ([], end_of_lines(path))


def test_a_torn_line_does_not_count_until_it_is_whole(folder):
    folder.mkdir()
    path = folder / "aa-1.log"
    line = touched_line(2)
    path.write_bytes(touched_line(1) + line[:-9])
    records, end = read_lines(path, 0)
    assert (len(records), end, end_of_lines(path)) == (1, len(touched_line(1)), end)
    path.write_bytes(touched_line(1) + line)
    assert [r["touched"] for r in read_lines(path, end)[0]] == [2]


@pytest.mark.parametrize("at", ["first", "middle", "last"])
def test_a_whole_line_that_is_damaged_is_unsound(folder, at):
    folder.mkdir()
    path = folder / "aa-1.log"
    lines = [touched_line(number) for number in range(1, 4)]
    lines[{"first": 0, "middle": 1, "last": 2}[at]] = b'{"touched":9,"crc":"00000000"}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(Unsound):
        read_lines(path, 0)
    cut_off_damage(path)
    assert len(read_lines(path, 0)[0]) == {"first": 0, "middle": 1, "last": 2}[at]


def test_a_log_that_is_shorter_than_what_was_read_tells_its_length(folder):
    folder.mkdir()
    (folder / "aa-1.log").write_bytes(touched_line(1))
    assert read_lines(folder / "aa-1.log", 1000) == ([], len(touched_line(1)))


def test_a_long_log_is_followed_by_another(folder, writer, monkeypatch):
    monkeypatch.setattr("c8ybin.index.log.LONGEST", 60)
    for number in range(1, 7):
        writer.append(touched_line(number))
    names = log_names(folder)
    assert set(names.values()) == {"aa"}
    assert len(names) > 1
    assert [is_superseded(f"aa-{k}.log", names) for k in range(1, len(names) + 1)] == [
        *[True] * (len(names) - 1),
        False,
    ]
    told = [r["touched"] for k in range(1, len(names) + 1) for r in read_lines(folder / f"aa-{k}.log", 0)[0]]
    assert told == [1, 2, 3, 4, 5, 6]


def test_other_files_are_no_logs(folder):
    folder.mkdir()
    for name in ("manifest", "lock", "aa-1.log.bak", "AA-1.log", "aa-1.LOG", ".aa-1.log"):
        (folder / name).touch()
    assert log_names(folder) == {}
    assert log_names(folder / "manifest") == {}
    assert log_names(folder / "nowhere") == {}


def test_what_could_not_be_written_is_written_later_in_its_order(folder, writer, told):
    folder.touch()
    writer.append(touched_line(1))
    assert (told, writer.is_behind, writer.sync()) == ([True], True, False)
    writer.append(touched_line(2))
    writer.flush()
    assert set(told) == {True}
    folder.unlink()
    writer.append(touched_line(3))
    assert (told[-1], told.count(False), writer.is_behind, writer.sync()) == (False, 1, False, True)
    assert [r["touched"] for r in read_lines(folder / "aa-1.log", 0)[0]] == [1, 2, 3]


def test_one_line_that_waits_alone_is_told_of_when_it_is_written(folder, writer, told):
    folder.touch()
    writer.append(touched_line(1))
    folder.unlink()
    writer.flush()
    assert (told, writer.is_behind) == ([True, False], False)


def test_too_many_lines_that_wait_are_given_up_and_lists_walk_from_then_on(folder, writer, told, monkeypatch):
    monkeypatch.setattr("c8ybin.index.log._MOST_WAITING", 100)
    folder.touch()
    for number in range(1, 10):
        writer.append(touched_line(number))
    folder.unlink()
    writer.append(touched_line(10))
    writer.flush()
    assert (set(told), writer.is_behind, writer.sync()) == ({True}, True, False)


@pytest.mark.parametrize("how", ["removed", "cut short"])
@pytest.mark.parametrize("then", ["append", "flush", "sync"])
def test_a_log_that_loses_lines_gives_the_index_up(folder, writer, how, then):
    writer.append(touched_line(1))
    (folder / MANIFEST).touch()
    if how == "removed":
        (folder / "aa-1.log").unlink()
    else:
        os.truncate(folder / "aa-1.log", 3)
    writer.append(touched_line(2)) if then == "append" else getattr(writer, then)()
    assert not (folder / MANIFEST).exists()


def test_an_fsync_that_failed_is_not_made_good_by_another(folder, writer, monkeypatch):
    writer.append(touched_line(1))

    def fail(fd):
        raise OSError(5, "the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr("c8ybin.index.log.fsio.sync_data", fail)
        with pytest.raises(OSError, match="the disk failed"):
            writer.sync()
    assert not writer.sync()
