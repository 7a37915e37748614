"""A generated data directory is one that the server could have written, and always the same for a seed."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bench import fleet as fleets
from bench.fleet import BEGIN_MS, END_MS, RARE_EVENTS, RARE_FRAGMENT, RARE_TYPE, Fleet
from bench.generate import generate
from bench.tools import HERE
from c8ybin.domain.ids import created_ms
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import Check, Store, UnfitDirectory, started_directory
from c8ybin.store.event import StoredEvent

EVENTS = 2_500  # more than one part


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "data"
    generate(root, Fleet.of(EVENTS), processes=2)
    return root


@pytest.fixture(scope="module")
def stored(generated: Path) -> list[StoredEvent]:
    store = Store.open(generated)
    try:
        pages = [store.listing.find(Query(), Paging(page_size=2000, current_page=n)) for n in (1, 2)]
        return [event for page in pages for event in page.events]
    finally:
        store.close()


def test_a_check_of_every_digest_finds_nothing(generated: Path) -> None:
    check = Check(started_directory(generated))
    assert list(check.run()) == []
    assert check.undigested == 0


def test_what_is_rare_is_there_ten_times_and_spread_over_the_year(stored: list[StoredEvent]) -> None:
    for rare in (
        [e for e in stored if e.facts.type == RARE_TYPE],
        [e for e in stored if RARE_FRAGMENT in e.facts.fragments],
    ):
        times = sorted(e.file.created for e in rare)
        assert len(times) == RARE_EVENTS
        assert max(b - a for a, b in pairwise(times)) < 0.12 * (END_MS - BEGIN_MS)
    assert len({e.facts.type for e in stored}) == 20


def test_ids_are_those_of_the_creation_in_the_year_and_times_are_a_little_before(
    stored: list[StoredEvent],
) -> None:
    assert len({e.id for e in stored}) == EVENTS
    assert all(created_ms(e.id) == e.file.created for e in stored)
    assert all(BEGIN_MS <= e.file.created < END_MS for e in stored)
    delays_s = [(e.file.created - e.facts.time) / 1000 for e in stored]
    assert sum(0 < d <= 180 for d in delays_s) > 0.97 * EVENTS
    assert any(d > 3600 for d in delays_s)
    assert any(d < 0 for d in delays_s)


def test_a_tenth_has_attachments_of_some_hundred_bytes_to_some_kilobytes(stored: list[StoredEvent]) -> None:
    lengths = [e.binary.length for e in stored if e.binary]
    assert 0.08 * EVENTS < len(lengths) < 0.12 * EVENTS
    assert min(lengths) >= 200
    assert 4_000 < max(lengths) < 10_000


def test_a_device_has_a_thousand_events_and_two_are_the_fewest() -> None:
    assert [Fleet.of(n).devices for n in (100, 1_000, 10_000, 1_000_000)] == [2, 2, 10, 1_000]
    assert Fleet.of(1_000, 7).devices == 7


def files(root: Path) -> dict[str, bytes]:
    tree = root / "events"
    return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}


def test_the_same_seed_makes_the_same_however_many_write(generated: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", Fleet.of(EVENTS), processes=1)
    generate(tmp_path / "other", Fleet.of(EVENTS, seed=1), processes=1)
    assert files(tmp_path / "again") == files(generated)
    assert files(tmp_path / "other").keys().isdisjoint(files(generated))


def test_a_directory_that_is_not_empty_is_refused_and_untouched(generated: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README").touch()
    for root in (tmp_path / "mine", generated):
        before = files(root), sorted(root.iterdir())
        with pytest.raises(UnfitDirectory, match="is not empty"):
            generate(root, Fleet.of(100))
        assert (files(root), sorted(root.iterdir())) == before


def test_every_share_counts_and_all_make_one() -> None:
    assert sum(kind.share for kind in fleets.KINDS) == pytest.approx(1)


def test_the_command_says_what_it_did_and_refuses_too_few(tmp_path: Path) -> None:
    def run(count: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bench.generate", "--data", tmp_path / "data", "--events", count]
        return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)

    few = run("99")
    assert (few.returncode, "at least 100" in few.stderr) == (2, True)
    assert not (tmp_path / "data").exists()
    done = run("100")
    assert (done.returncode, done.stderr.startswith("100 events of 2 devices in ")) == (0, True)
    again = run("100")
    assert again.returncode == 1
    assert again.stderr.endswith("is not empty; name an empty or a new directory.\n")
