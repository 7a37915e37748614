"""Columns: what is written is found, by all that a search may ask, however it is cut and merged."""

import random
from dataclasses import replace
from itertools import islice

import pytest

from c8ybin.index.cache import Cache
from c8ybin.index.column import Column, write_entries, write_table
from c8ybin.index.damage import Unsound
from c8ybin.index.entry import Entry
from c8ybin.index.search import GREATEST, LEAST, Search
from c8ybin.index.table import Table

ALL = Search((), (), (LEAST, GREATEST), (LEAST, GREATEST), (LEAST, GREATEST), False)
# The years 1 to 9999 in milliseconds since 1970.
EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999
# Of these an event has one.
SOURCES = (11, 12, 13)
TIMES = (EARLIEST, -1, 0, 5, 5, 5, 6, LATEST)


def entries_at_random(chance, count):
    found = [
        Entry(
            id=event_id,
            time=chance.choice(TIMES),
            created=chance.randrange(10),
            updated=chance.randrange(10),
            terms=(*chance.sample(range(1, 6), chance.randrange(4)), chance.choice(SOURCES)),
            values=tuple(chance.sample((7, 8, 2**64 - 1, 2**40), chance.randrange(3))),
            held=chance.choice((0, 1, 2**40)),
        )
        for event_id in chance.sample(range(1, 2**53), count)
    ]
    return sorted(found, key=lambda entry: entry.place)


def search_at_random(chance):
    def bounds(values):
        if chance.random() < 0.5:
            return LEAST, GREATEST
        return chance.choice((LEAST, *values)), chance.choice((*values, GREATEST))

    return Search(
        terms=tuple(chance.sample(range(1, 7), chance.choice((0, 0, 1, 2)))),
        values=tuple(chance.sample((7, 8, 9, 2**64 - 1), chance.choice((0, 0, 0, 1)))),
        date=bounds(TIMES),
        created=bounds(range(10)),
        updated=bounds(range(10)),
        asks_what_changes=False,
        any_of=tuple(chance.sample((*SOURCES, 14), chance.choice((0, 0, 2, 3)))),
    )


def opened(folder, summary):
    return Column(folder / summary.name, summary, Cache())


def held(table):
    """Tell what a table holds, entry by entry, keys in any order."""
    terms = [set() for _ in range(len(table))]
    for term, rows in table.terms.items():
        assert list(rows) == sorted(rows)
        for row in rows:
            terms[row].add(term)
    starts = (0, *table.value_ends)
    return [
        (*numbers, terms[row], set(table.value_keys[starts[row] : starts[row + 1]]))
        for row, numbers in enumerate(
            zip(table.ids, table.times, table.created, table.updated, table.held, strict=True)
        )
    ]


def as_held(entries):
    return [(e.id, e.time, e.created, e.updated, e.held, set(e.terms), set(e.values)) for e in entries]


@pytest.mark.parametrize("seed", range(30))
def test_a_column_finds_what_a_walk_over_its_entries_finds(tmp_path, seed):
    chance = random.Random(seed)
    entries = entries_at_random(chance, chance.randrange(1, 40))
    column = opened(tmp_path, write_table(tmp_path, Table.of(entries)))
    assert held(column.table()) == as_held(entries)
    for _ in range(60):
        search = search_at_random(chance)
        wanted = [
            row
            for row, entry in enumerate(entries)
            if search.matches(entry) and search.date[0] <= entry.time <= search.date[1]
        ]
        assert list(column.find(search)) == wanted, search
        for _ in range(2):
            assert column.held(search, wanted) == sum(entries[row].held for row in wanted)
        assert list(column.places(wanted)) == [entries[row].place for row in wanted]
    column.close()


@pytest.mark.parametrize("seed", range(30))
def test_a_table_is_merged_as_a_sorted_list_is(seed):
    chance = random.Random(seed)
    everything = entries_at_random(chance, chance.randrange(2, 60))
    old = [entry for entry in everything if chance.random() < 0.6]
    removed = {row for row in range(len(old)) if chance.random() < 0.3}
    # What is removed may come again, changed, in the place that it had.
    again = [replace(old[row], updated=99) for row in removed if chance.random() < 0.5]
    fresh = sorted((*(e for e in everything if e not in old), *again), key=lambda entry: entry.place)
    kept = [entry for row, entry in enumerate(old) if row not in removed]
    merged = Table.of(old).merged(fresh, removed)
    assert held(merged) == as_held(sorted((*kept, *fresh), key=lambda entry: entry.place))


@pytest.mark.parametrize("count", [1, 6, 7, 10, 11, 12, 15, 40])
@pytest.mark.parametrize("how", ["entries", "pieces"])
def test_what_is_too_long_is_cut_and_the_last_one_keeps_room(tmp_path, count, how, monkeypatch):
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 6)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 4)
    entries = entries_at_random(random.Random(count), count)
    if how == "entries":
        summaries = write_entries(tmp_path, iter(entries))
    else:
        summaries = [write_table(tmp_path, piece) for piece in Table.of(entries).pieces()]
    assert max(summary.rows for summary in summaries) <= 6
    assert all(summary.rows == 4 for summary in summaries[:-1])
    rest = iter(entries)
    for summary in summaries:
        column = opened(tmp_path, summary)
        part = list(islice(rest, summary.rows))
        assert held(column.table()) == as_held(part)
        assert (summary.first, summary.last) == (part[0].place, part[-1].place)
        for name in ("created", "updated"):
            numbers = [getattr(entry, name) for entry in part]
            assert getattr(summary, name) == (min(numbers), max(numbers))
        column.close()
    assert next(rest, None) is None


def test_nothing_is_no_column(tmp_path):
    assert write_entries(tmp_path, iter([])) == []
    assert list(Table.of([]).pieces()) == []


def test_the_key_of_a_text_is_not_found_across_two_keys(tmp_path):
    # Little or big, the bytes of the key wanted stand at the seam of the two.
    one, two = 0x0102030405060708, 0x1112131415161718
    both = one.to_bytes(8, "little") + two.to_bytes(8, "little")
    entry = Entry(1, 1, 1, 1, (), (one, two))
    column = opened(tmp_path, write_table(tmp_path, Table.of([entry])))
    seam = int.from_bytes(both[3:11], "little")
    assert list(column.find(replace(ALL, values=(seam,)))) == []
    assert list(column.find(replace(ALL, values=(two,)))) == [0]
    column.close()


def test_a_column_of_another_length_than_the_manifest_tells_is_unsound(tmp_path):
    summary = write_table(tmp_path, Table.of(entries_at_random(random.Random(1), 5)))
    with pytest.raises(Unsound):
        opened(tmp_path, replace(summary, rows=4))


def test_an_event_is_found_by_its_place_and_by_its_id(tmp_path):
    entries = entries_at_random(random.Random(2), 30)
    column = opened(tmp_path, write_table(tmp_path, Table.of(entries)))
    for row, entry in enumerate(entries):
        assert column.row(entry.place) == column.row_of_id(entry.id) == row
        assert column.row((entry.time, entry.id + 1)) is None
    assert column.row_of_id(2**53) is None
    least, end = sorted(entry.id for entry in entries)[10:21:10]
    assert sorted(i for i, _ in column.ids_between(least, end)) == sorted(
        entry.id for entry in entries if least <= entry.id < end
    )
    column.close()


def test_the_cache_forgets_what_was_not_needed_for_longest(tmp_path):
    cache = Cache(most=1000)
    entries = entries_at_random(random.Random(2), 30)
    summaries = [write_table(tmp_path, Table.of(entries)) for _ in range(6)]
    columns = [Column(tmp_path / summary.name, summary, cache) for summary in summaries]
    for _ in range(2):
        for column in columns:
            assert len(column.find(replace(ALL, date=(0, 5)))) > 0
            assert cache._bytes <= 1000
    assert cache.get(summaries[0].name, "times") is None
    for column in columns:
        column.close()
    assert (cache._bytes, len(cache._sections)) == (0, 0)
