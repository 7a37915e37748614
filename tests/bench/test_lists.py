"""The bench of lists: that it measures right answers only, and what it makes of its figures."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from harness import until

from bench import report
from bench.fleet import RARE_EVENTS, Fleet
from bench.lists import __main__ as command
from bench.lists import upkeep
from bench.lists.__main__ import steps
from bench.lists.figures import FACTS, growth, is_reached, medians
from bench.lists.plot import svg
from bench.lists.report import NAME, costs, everything, facts
from bench.lists.sampling import faults
from bench.lists.site import MADE, Site, prepared
from bench.lists.works import ATTACH, CREATE, DELETE, GET, LISTS, WORKS, Limit, List, Work
from bench.load import Failed
from bench.tools import HERE, Tools
from c8ybin.domain.queries import Query
from c8ybin.store import Check, Store, started_directory

BY_NAME = {work.name: work for work in WORKS}
ABOUT = {"machine": "2 CPUs", "rounds": 3, "missing": ["reindex"], "failures": ["get at 100, round 1: gone"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data directories that stay for the whole module."""
    return tmp_path_factory.mktemp("lists")


@pytest.fixture(scope="module")
def site(data: Path) -> Site:
    return prepared(data, 100)


def test_the_command_measures_every_kind_of_work_and_leaves_the_data_as_it_was(
    data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "samples.json"
    names = [
        "newest-5",
        "narrow-5",
        "rare-type-100",
        "page-5",
        "total-5",
        "create",
        "attach",
        "get",
        "delete",
    ]
    arguments = [sys.executable, "-m", "bench.lists", "--data", data, "--sizes", "100", "--rounds", "2"]
    arguments += ["--seconds", "0.02", "--count", "5", "--only", ",".join(names), "--json", out]
    done = subprocess.run(arguments, cwd=HERE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["about"]["failures"] == []
    # The hundredth page begins after all there is.
    taken = {s["work"] for s in found["samples"]} - {"reindex", "meanwhile"}
    assert taken == {*names, "start", "memory", "inodes"} - {"page-5"}
    assert {(s["work"], s["events"]) for s in found["samples"] if s["events"] != 100} == {("memory", 0)}
    (inodes,) = (s for s in found["samples"] if s["work"] == "inodes")
    assert (inodes["inodes_without"], inodes["inodes_with"]) == (2, 4)
    assert "about 0.0 min left" in done.stderr
    assert done.stdout.startswith("| p50 in ms ")
    assert sorted(p.name for p in data.iterdir() if p.is_dir()) == ["100"]
    assert list(Check(started_directory(data / "100")).run()) == []
    store = Store.open(data / "100")
    try:
        assert list(store.listing.ids(Query(type=MADE))) == []
        assert len(list(store.listing.ids(Query()))) == 100
    finally:
        store.close()


def test_sizes_take_turns_and_what_deletes_comes_last() -> None:
    sites = [Site(Fleet.of(n), Path()) for n in (100, 1_000)]
    works = [DELETE, BY_NAME["source-100"], GET]
    planned = [(work.name, site.events, number) for work, site, number in steps(works, sites, 2)]
    assert planned == [
        ("source-100", 1_000, 1),
        ("get", 100, 1),
        ("get", 1_000, 1),
        ("source-100", 1_000, 2),
        ("get", 100, 2),
        ("get", 1_000, 2),
        *(("delete", events, number) for number in (1, 2) for events in (100, 1_000)),
    ]


def test_every_list_fits_the_smallest_size_but_the_far_page() -> None:
    assert [work.name for work in LISTS if not work.fits(1_000)] == ["page-100"]
    assert all(work.fits(10_000) for work in LISTS)


def answer(count: int = 5, **of_first: Any) -> dict[str, Any]:
    """What a server answers for `newest`; the first of the events is another if so wanted."""
    events = [
        {"time": f"2026-01-0{9 - n}T00:00:00.000Z", "source": {"id": "1"}, "type": "t", "f": 1}
        for n in range(count)
    ]
    events[0] |= of_first
    return {"events": events, "statistics": {"totalPages": 20}}


PATH = "/event/events?source=1&type=t&fragmentType=f"


@pytest.mark.parametrize(
    ("path", "given", "told"),
    [
        (PATH, answer(), []),
        (PATH, answer(4), ["4 events, not 5"]),
        (f"{PATH}&revert=true", answer(), ["not in order"]),
        (PATH, answer(time="2025-01-01T00:00:00.000Z"), ["not in order"]),
        (PATH, answer(source={"id": "2"}), ["an event of another source"]),
        (PATH, answer(type="u"), ["an event of another type"]),
        (f"{PATH}2", answer(f2=1), ["an event without the fragment"] * 4),
    ],
)
def test_an_answer_that_is_not_right_is_a_fault(path: str, given: dict[str, Any], told: list[str]) -> None:
    newest = BY_NAME["newest-5"]
    assert isinstance(newest, List)
    assert list(faults(newest, Site(Fleet.of(100), Path()), path, given)) == told


def test_a_wrong_number_of_pages_is_a_fault() -> None:
    total = BY_NAME["total-5"]
    assert isinstance(total, List)

    def told(path: str, pages: int, made: int = 0) -> list[str]:
        given = answer() | {"statistics": {"totalPages": pages}}
        return list(faults(total, Site(Fleet.of(100), Path(), made), path, given))

    assert told("/event/events", 20) == told("/event/events", 21, made=1) == []
    assert told("/event/events", 19) == ["19 pages"]
    assert told("/event/events", 20, made=1) == ["20 pages"]
    assert told("/event/events?type=t", 6) == []
    assert told("/event/events?type=t", 0) == ["0 pages"]
    assert told("/event/events?type=t", 20) == ["20 pages"]


def test_sources_take_turns_and_are_of_the_fleet() -> None:
    source = BY_NAME["source-5"]
    assert isinstance(source, List)
    fleet = Fleet.of(1_000_000)
    paths = source.paths(fleet)
    assert len(set(paths)) == 50
    assert set(paths) <= {f"/event/events?source={fleet.device(n)}&pageSize=5" for n in range(1_000)}
    assert len(source.paths(Fleet.of(1_000))) == 2


def test_a_directory_is_used_again_and_one_that_was_cut_is_not(
    site: Site, data: Path, tmp_path: Path
) -> None:
    inode = os.stat(site.root / "format").st_ino
    assert os.stat(prepared(data, 100).root / "format").st_ino == inode
    code = "import sys; from bench.lists.site import *; prepared(Path(sys.argv[1]), 100_000)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=HERE.parent, start_new_session=True
    )
    assert until((tmp_path / ".100000.part" / "events").is_dir)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "100000").exists()
    (tmp_path / ".100000.part").rename(tmp_path / ".100.part")
    again = prepared(tmp_path, 100)
    assert [p.name for p in tmp_path.iterdir()] == ["100"]
    assert list(Check(started_directory(again.root)).run()) == []
    assert upkeep.inodes(again)["inodes_without"] == 2


def test_a_reindex_is_timed_and_its_failure_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_REINDEX", [sys.executable, "-c", "import time; time.sleep(0.2)"])
    assert upkeep.can_reindex()
    assert 0 < upkeep.reindex(site)["reindex_a_s"] <= 500
    monkeypatch.setattr(
        upkeep, "_REINDEX", [sys.executable, "-c", "import sys; sys.exit('first\\nthe disk')"]
    )
    assert not upkeep.can_reindex()
    with pytest.raises(Failed, match=r"^the disk$"):
        upkeep.reindex(site)


def test_a_list_that_is_not_right_during_a_reindex_is_told(
    tools: Tools, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.served(tools):
        monkeypatch.setattr(upkeep, "_REINDEX", ["true"])
        assert upkeep.reindex_meanwhile(site)["meanwhile_ms"] > 0
        monkeypatch.setattr(upkeep, "_REINDEX", ["false"])
        with pytest.raises(Failed, match="ended with 1"):
            upkeep.reindex_meanwhile(site)
        newest = site.ask("/event/events")["events"][0]["id"]
        # It ends when that event is gone, and the list was asked for once more.
        deleting = f"""
import time, urllib.request as r
asked = r.Request("http://127.0.0.1:{site.server.port}/event/events/{newest}", method="DELETE")
asked.add_header("Authorization", "{site.authorization}")
r.urlopen(asked)
time.sleep(1)
"""
        monkeypatch.setattr(upkeep, "_REINDEX", [sys.executable, "-c", deleting, "--"])
        with pytest.raises(Failed, match="a list is not right"):
            upkeep.reindex_meanwhile(site)


def test_a_start_without_a_list_at_once_is_a_failure(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="is not the right one"):
        upkeep.start(Site(Fleet.of(0), tmp_path / "empty"), tools, 1)


def test_a_server_that_refuses_is_a_failure(tools: Tools, site: Site) -> None:
    with site.served(tools), pytest.raises(Failed, match="GET /event/events/1: 404"):
        site.ask("/event/events/1")


def sample(work: str, events: int, p50_ms: float, number: int = 1, cpu_s: float = 0.02) -> dict[str, Any]:
    figures = {"requests": 10, "p50_ms": p50_ms, "p99_ms": 2 * p50_ms, "server_cpu_s": cpu_s}
    return {"work": work, "events": events, "round": number} | figures


def test_the_median_of_the_rounds_counts_and_growth_is_last_over_first() -> None:
    rounds = [sample("get", 1_000, ms, n) for n, ms in enumerate((1.0, 9.0, 2.0))]
    found = medians([*rounds, sample("get", 10_000, 50), sample("get", 1_000_000, 3)])
    assert found["get", 1_000] == {"p50_ms": 2.0, "p99_ms": 4.0, "cpu_ms": 2.0}
    assert growth(found, "get") == 1.5
    assert growth(found, "get", "cpu_ms") == 1
    assert growth(found, "create") is None
    assert growth(medians(rounds), "get") is None


def test_a_limit_is_reached_up_to_itself() -> None:
    found = medians([sample("get", 1_000, 2), sample("get", 1_000_000, 3)])
    reached = [
        is_reached(limit, found, "get") for limit in (Limit(1.5), Limit(1.4), Limit(ms=3), Limit(ms=2.9))
    ]
    assert reached == [True, False, True, False]
    assert is_reached(Limit(), found, "get") is None
    assert is_reached(Limit(1.5), found, "create") is None


def test_the_limits_are_those_that_were_asked_for() -> None:
    def kind(work: Work) -> str:
        return work.name.rpartition("-")[0] or work.name

    limits = {kind(work): (work.limit.ratio, work.limit.ms) for work in WORKS}
    assert len(WORKS) == 2 * 11 + 4
    first = ("newest", "oldest", "source", "type", "narrow", "fragment")
    assert limits == {
        **dict.fromkeys(first, (1.5, None)),
        **dict.fromkeys(("rare-type", "rare-fragment"), (5, None)),
        **dict.fromkeys(("create", "attach", "get"), (1.2, None)),
        **dict.fromkeys(("page", "total", "delete"), (None, None)),
        "total-type": (None, 100),
    }
    assert {fact.value: (fact.at_most, fact.at_least) for fact in FACTS} == {
        "start_ms": (1_000, None),
        "memory_over_mb": (100, None),
        "reindex_a_s": (None, 10_000),
        "meanwhile_ms": (None, None),
        "inodes_without": (2, None),
        "inodes_with": (4, None),
        "inodes_others": (None, None),
    }


def test_memory_is_what_is_over_an_empty_directory() -> None:
    found = medians(
        [{"work": "memory", "events": n, "round": 1, "memory_mb": 40.0 + n} for n in (0, 100, 200)]
    )
    assert found["memory", 200]["memory_over_mb"] == 200
    assert ("memory", 0) not in found
    (row,) = facts(found).splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["100", "200", "≤ 100", "**no**"]


def test_the_tables_have_a_row_for_what_was_measured_and_say_what_was_reached() -> None:
    found = medians(
        [
            sample("newest-5", 1_000, 2),
            sample("newest-5", 1_000_000, 3, cpu_s=0.04),
            sample("page-100", 1_000_000, 9),
        ]
    )
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in costs(found).splitlines()]
    assert rows[0] == [
        "p50 in ms",
        "pageSize",
        "1 k",
        "1 M",
        "p99, 1 M",
        "growth",
        "in CPU",
        "wanted",
        "reached",
    ]
    assert rows[2:] == [
        ["newest first, no filter", "5", "2.00", "3.00", "6.00", "1.50×", "2.00×", "≤ 1.5×", "yes"],
        ["page 100, no filter", "100", "", "9.00", "18.0", "", "", "", ""],
    ]
    text = everything(ABOUT, found)
    assert "Not measured: reindex." in text
    assert "Not counted: get at 100, round 1: gone." in text
    assert everything(ABOUT, {}).startswith("Measured by ")


def test_the_plot_is_well_formed_and_both_its_scales_are_logarithmic() -> None:
    found = medians([sample("newest-5", n, ms) for n, ms in ((1_000, 1), (10_000, 10), (1_000_000, 1_000))])
    root = ElementTree.fromstring(svg(found))
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    (x0, y0), (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in line.get("points", "").split())
    assert x2 - x0 == pytest.approx(3 * (x1 - x0), abs=0.2)
    assert y0 - y2 == pytest.approx(3 * (y0 - y1), abs=0.2)
    assert y0 > y1
    ElementTree.fromstring(svg({}))


def test_the_report_is_made_again_and_takes_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin, end = report.markers(NAME)
    other = f"{report.BEGIN}theirs\n{report.END}"
    readme, plot, samples = tmp_path / "README.md", tmp_path / "lists.svg", tmp_path / "samples.json"
    readme.write_text(f"{other}{begin}old\n{end}after\n")
    samples.write_text(json.dumps({"about": ABOUT | {"failures": []}, "samples": [sample("get", 1_000, 2)]}))
    monkeypatch.setattr(command, "_README", readme)
    monkeypatch.setattr(command, "_PLOT", plot)
    monkeypatch.setattr(sys, "argv", ["bench-lists", "--again", str(samples), "--write"])
    command.main()
    told = capsys.readouterr().out
    assert readme.read_text() == f"{other}{begin}{told}\n![The same as a plot](docs/lists.svg)\n{end}after\n"
    assert plot.read_text().startswith("<svg ")
    readme.write_text(other)
    with pytest.raises(SystemExit, match="no place for the tables"):
        command.main()


def test_the_readme_has_a_place_for_the_tables() -> None:
    assert report.has_place((HERE.parent / "README.md").read_text(), NAME)


def test_the_rare_lists_find_all_there_is_and_the_others_a_page() -> None:
    assert {work.name: work.expected for work in LISTS if work.expected != work.page_size} == {
        "rare-type-100": RARE_EVENTS,
        "rare-fragment-100": RARE_EVENTS,
    }
    assert {CREATE.name, ATTACH.name} == {"create", "attach"}
    assert replace(LISTS[0], page_size=7).expected == 7
