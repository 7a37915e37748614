"""Medians, ratios, tables, plot."""

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import __main__ as command
from bench import report
from bench.figures import GOALS, Goal, medians
from bench.plot import svg
from bench.workloads import WORKLOADS

ABOUT = {"machine": "2 CPUs", "rounds": 3, "versions": {"c8ybin": "1.0"}, "missing": {"tus": "no npm"}}


def sample(workload: str, peer: str, seconds: float, **more: Any) -> dict[str, Any]:
    figures = {
        "requests": 100,
        "bytes": 2_000_000_000,
        "seconds": seconds,
        "errors": 0,
        "server_cpu_s": 4.0,
        "generator_cpu_s": 0.1,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
    }
    return {"workload": workload, "peer": peer, "round": 1} | figures | more


def ratio(goal: Goal, *samples: dict[str, Any]) -> tuple[float | None, bool | None]:
    return goal.reached(medians(samples))


def test_the_median_of_the_rounds_counts() -> None:
    found = medians([sample("upload-50m", "nginx", s) for s in (1.0, 10.0, 2.0)])
    of = found["upload-50m", "nginx"]
    assert (of["mb_a_s"], of["requests_a_s"]) == (1000.0, 50.0)
    assert (of["cpu_s_a_gb"], of["cpu_ms_a_request"]) == (2.0, 40.0)


def test_a_round_with_errors_does_not_count() -> None:
    samples = [sample("upload-50m", "nginx", 1.0, errors=1), sample("upload-50m", "nginx", 2.0)]
    assert medians(samples)["upload-50m", "nginx"]["mb_a_s"] == 1000.0
    assert medians(samples[:1]) == {}


def test_memory_is_what_is_over_idle() -> None:
    found = medians([sample("upload-50m-16", "c8ybin", 1.0, idle_mb=30.0, peak_mb=37.5)])
    assert found["upload-50m-16", "c8ybin"]["over_idle_mb"] == 7.5


def test_a_goal_is_reached_from_its_ratio_on() -> None:
    goal = Goal("w", "nginx", "upload-50m", "mb_a_s", "nginx", at_least=0.8)
    assert ratio(goal, sample("upload-50m", "c8ybin", 1.25), sample("upload-50m", "nginx", 1.0)) == (
        0.8,
        True,
    )
    found, is_reached = ratio(goal, sample("upload-50m", "c8ybin", 1.3), sample("upload-50m", "nginx", 1.0))
    assert found == pytest.approx(1 / 1.3)
    assert is_reached is False


def test_a_goal_that_limits_is_reached_up_to_its_ratio() -> None:
    goal = Goal("w", "nginx, CPU", "download-50m", "cpu_s_a_gb", "nginx", at_most=1)
    nginx = sample("download-50m", "nginx", 1.0)
    assert ratio(goal, sample("download-50m", "c8ybin", 1.0, server_cpu_s=4.0), nginx) == (1.0, True)
    assert ratio(goal, sample("download-50m", "c8ybin", 1.0, server_cpu_s=5.0), nginx) == (1.25, False)
    plain = Goal("w", "MB", "upload-50m-16", "over_idle_mb", None, at_most=8)
    assert ratio(plain, sample("upload-50m-16", "c8ybin", 1.0, idle_mb=30.0, peak_mb=39.0)) == (9.0, False)


def test_what_was_not_measured_is_not_reached_and_not_missed() -> None:
    assert {goal.reached({}) for goal in GOALS} == {(None, None)}
    assert report.goals({}).count("not measured") == len(GOALS)


def test_the_goals_are_the_rows_that_were_asked_for() -> None:
    known = {w.name for w in WORKLOADS}
    subjects = {s.name for s in report.SUBJECTS} | {None}
    assert all(goal.workload in known and goal.peer in subjects for goal in GOALS)
    wanted = {(g.workload, g.value, g.peer, g.at_least, g.at_most) for g in GOALS}
    assert wanted == {
        ("upload-1k", "requests_a_s", "floor", 0.5, None),
        ("upload-1k", "requests_a_s", "plain-fsync", 2, None),
        ("upload-1k", "requests_a_s", "tus", 3, None),
        ("upload-50m", "mb_a_s", "floor", 0.7, None),
        ("upload-50m", "mb_a_s", "nginx", 0.8, None),
        ("upload-50m-16", "mb_a_s", "floor", 0.7, None),
        ("upload-50m-16", "mb_a_s", "nginx", 0.8, None),
        ("chunks-5m", "mb_a_s", "tus", 2, None),
        ("download-1k", "requests_a_s", "nginx", 0.2, None),
        ("download-1k", "requests_a_s", "tus", 5, None),
        ("download-50m", "mb_a_s", "nginx", 1.0, None),
        ("download-50m", "cpu_s_a_gb", "nginx", None, 1.0),
        ("download-50m-4", "mb_a_s", "nginx", 1.0, None),
        ("download-50m-4", "cpu_s_a_gb", "nginx", None, 1.0),
        ("upload-50m-16", "over_idle_mb", None, None, 8),
        ("start", "start_ms", "imports", None, 2),
    }


def test_the_tables_mark_who_fsyncs_and_where_the_generator_was_busy() -> None:
    samples = [
        sample("upload-50m", "c8ybin", 2.0),
        sample("upload-50m", "nginx", 1.0, generator_cpu_s=0.95),
        sample("download-1k", "nginx", 1.0),
    ]
    text = report.everything(ABOUT | {"failures": ["upload-1k of tus, round 2: gone"]}, medians(samples))
    assert re.search(r"\| c8ybin +\| fsync +\| +1,000 \(2.00\) \|", text)
    assert re.search(r"\| nginx, dav module \| no fsync \| +2,000† \(2.00\) \|", text)
    assert re.search(r"\| nginx, dav module +\| +100 \(40.0\) \|", text)
    assert "Left out: tus (no npm)." in text
    assert "Not counted: upload-1k of tus, round 2: gone." in text
    assert "copyparty |" not in text


def test_numbers_have_the_digits_that_mean_something() -> None:
    assert [report.number(n) for n in (12345.6, 99.94, 9.996, 0.0123)] == ["12,346", "99.9", "10.00", "0.01"]


def test_the_plot_is_well_formed_and_its_bars_are_in_proportion() -> None:
    found = medians([sample("download-50m", "c8ybin", 1.0), sample("download-50m", "nginx", 4.0)])
    root = ElementTree.fromstring(svg(found))
    bars = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("height") == "14"]
    ours, nginx = (float(bar.get("width", "")) for bar in bars[-2:])
    assert ours == pytest.approx(4 * nginx, abs=0.5)


def test_the_report_is_made_again_and_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, plot, samples = tmp_path / "README.md", tmp_path / "bench.svg", tmp_path / "samples.json"
    readme.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
    samples.write_text(json.dumps({"about": ABOUT, "samples": [sample("upload-50m", "c8ybin", 2.0)]}))
    monkeypatch.setattr(command, "_README", readme)
    monkeypatch.setattr(command, "_PLOT", plot)
    monkeypatch.setattr(sys, "argv", ["bench", "--again", str(samples), "--write"])
    command.main()
    told = capsys.readouterr().out
    assert told.startswith("| work ")
    text = readme.read_text()
    assert text.startswith(f"before\n{report.BEGIN}{told}")
    assert text.endswith(f"(docs/bench.svg)\n{report.END}after\n")
    assert "old" not in text
    assert plot.read_text().startswith("<svg ")


def test_a_readme_without_a_place_is_told_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{report.END}{report.BEGIN}")
    monkeypatch.setattr(command, "_README", readme)
    monkeypatch.setattr(command, "measured", lambda *_: pytest.fail("it measures"))
    monkeypatch.setattr(sys, "argv", ["bench", "--write"])
    with pytest.raises(SystemExit, match="no place for the tables"):
        command.main()
