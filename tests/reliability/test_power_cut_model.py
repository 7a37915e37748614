"""The model of a disk that loses its power: what it may leave, and what it may not."""

import random

import pytest
from power_cut import Disk
from recording import Step


def left(tree, *steps, missed=()):
    """Return every tree that a cut after these steps may leave."""
    disk = Disk(tree)
    for step in steps:
        disk.miss(step) if step in missed else disk.do(step)
    return [dict(t) for t in disk.cuts(random.Random(1), all_up_to=8, randomly=0)]


def write(path, offset, data):
    return Step("write", (path,), offset, data)


def test_of_the_names_in_a_directory_any_may_be_kept_until_its_fsync():
    steps = Step("create", ("a",)), Step("create", ("b",))
    assert {frozenset(t) for t in left({}, *steps)} == {
        frozenset(),
        frozenset("a"),
        frozenset("b"),
        frozenset("ab"),
    }
    assert left({}, *steps, Step("fsync", (".",))) == [{"a": b"", "b": b""}]


def test_a_rename_in_one_directory_is_one_change():
    states = left({"a": b"1", "b": b"2"}, Step("rename", ("a", "b")))
    assert states == [{"a": b"1", "b": b"2"}, {"b": b"1"}]


TWO = {"d": None, "e": None, "d/a": b"1"}
MOVED = Step("rename", ("d/a", "e/a"))


def test_a_file_that_changes_its_directory_may_show_under_both_names_and_never_under_none():
    names = [{p for p in t if p.endswith("a")} for t in left(TWO, MOVED)]
    assert {frozenset(n) for n in names} == {
        frozenset({"d/a"}),
        frozenset({"d/a", "e/a"}),
        frozenset({"e/a"}),
    }
    # The fsync of one directory settles its own name alone; the old one goes only with the new one.
    assert all("e/a" in t for t in left(TWO, MOVED, Step("fsync", ("e",))))
    assert any("d/a" in t for t in left(TWO, MOVED, Step("fsync", ("e",))))
    assert left(TWO, MOVED, Step("fsync", ("d",))) == [{"d": None, "e": None, "e/a": b"1"}]


def test_a_directory_shows_under_one_name():
    tree = {"d": None, "e": None, "d/x": None, "d/x/f": b"1"}
    states = left(tree, Step("rename", ("d/x", "e/x")))
    assert states == [tree, {"d": None, "e": None, "e/x": None, "e/x/f": b"1"}]


def test_a_name_that_was_made_before_does_not_come_back_after_a_durable_rename():
    steps = Step("mkdir", ("d/x",)), Step("rename", ("d/x", "e/x")), Step("fsync", ("e",))
    assert left({"d": None, "e": None}, *steps) == [{"d": None, "e": None, "e/x": None}]


def test_a_write_is_lost_torn_or_kept_and_what_is_lost_of_it_reads_as_zeros():
    contents = {t["f"] for t in left({"f": b""}, write("f", 0, b"abcd"))}
    assert contents == {b"", b"\0\0\0\0", b"ab", b"ab\0\0", b"\0\0cd", b"abcd"}
    steps = write("f", 0, b"abcd"), Step("fdatasync", ("f",))
    assert left({"f": b""}, *steps) == [{"f": b"abcd"}]


def test_what_a_lost_write_would_have_overwritten_reads_as_it_did():
    assert {t["f"] for t in left({"f": b"1234"}, write("f", 0, b"abcd"))} == {
        b"1234",
        b"ab34",
        b"12cd",
        b"abcd",
    }


def test_a_truncation_is_lost_or_kept():
    assert {t["f"] for t in left({"f": b"1234"}, Step("truncate", ("f",), 2))} == {b"1234", b"12"}


def test_an_fsync_of_a_file_keeps_its_bytes_and_not_its_name():
    steps = Step("create", ("f",)), write("f", 0, b"ab"), Step("fsync", ("f",))
    assert left({}, *steps) == [{}, {"f": b"ab"}]


def test_where_an_fsync_is_missed_only_what_it_would_have_prevented_is_looked_at():
    sync = Step("fsync", (".",))
    steps = Step("create", ("a",)), sync, Step("create", ("b",))
    states = left({}, *steps, missed=[sync])
    assert {frozenset(t) for t in states} == {frozenset(), frozenset("b")}


@pytest.mark.parametrize("count", [3, 12])
def test_where_there_are_too_many_subsets_the_typical_ones_are_tried(count):
    steps = [Step("create", (f"{n:02}",)) for n in range(count)]
    disk = Disk({})
    for step in steps:
        disk.do(step)
    names = [step.paths[0] for step in steps]
    found = {frozenset(t) for t in disk.cuts(random.Random(1), all_up_to=2, randomly=5)}
    assert {frozenset(), frozenset(names)} <= found
    for n, name in enumerate(names):
        assert {frozenset({name}), frozenset(names) - {name}, frozenset(names[:n])} <= found
