"""scripts/attack in small counts, and that it finds what it is there to find."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attack import contract as contract_show
from attack.__main__ import placed, run
from attack.contract import Found, contract
from attack.fuzz import targets
from attack.fuzz.__main__ import fuzz_by_hypothesis
from attack.fuzz.seeds import SEEDS
from attack.fuzz.show import fuzz_one
from attack.normal import NormalClient, Waits
from attack.serving import served
from attack.shows import Plan, Row, as_table
from attack.slow import _rows as slow_rows
from attack.tls_scan import judged
from bench.tools import Missing

OUTCOMES = [(True, "yes"), (False, "**no**"), (None, "not measured")]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, quick=True, seed=1)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_what_strangers_send_makes_nothing_happen_but_what_is_documented(name: str) -> None:
    assert fuzz_by_hypothesis(name, 1, first_seed=1) > len(SEEDS[name])


def test_a_fuzz_is_a_process_that_counts_its_inputs(plan: Plan) -> None:
    count, fault = fuzz_one(plan, "range", 1, by="hypothesis")
    assert count > 100
    assert not fault


def test_a_fuzz_that_ends_with_a_fault_tells_it(plan: Plan) -> None:
    count, fault = fuzz_one(plan, "nothing", 1, by="hypothesis")
    assert count == 0
    assert "KeyError" in fault


def _forgets_to_check(text: str) -> Any:
    if "*" in text:
        raise KeyError(text)
    raise targets.Unreadable("x")


@pytest.mark.parametrize(
    ("name", "function", "broken"),
    [
        ("range", "parse_content_range", _forgets_to_check),
        ("fields", "safe_name", lambda text: text),
        ("form", "media_type", lambda text: None),
        ("query", "LARGEST_PAGE", 4),
        ("document", "serialize", lambda document: b"{}"),
    ],
)
def test_a_fuzz_finds_what_is_broken(
    name: str, function: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, function, broken)
    with pytest.raises((KeyError, AssertionError)):
        fuzz_by_hypothesis(name, 1, first_seed=1)


def test_answers_are_as_the_description_says(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract_show, "_QUICK", 100)
    try:
        rows = contract(plan)
    except Missing as missing:
        text = f"schemathesis cannot be installed: {missing}"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    assert [row.reached for row in rows] == [True, True], (rows, plan.figures)


def test_what_schemathesis_reports_counts() -> None:
    clean = {
        "test_cases": {"generated": 5, "errored": 0},
        "operations": {"errored": 0},
        "failures": [],
        "seed": 1,
    }
    found = Found()
    assert not found.add(clean)
    assert found.is_clean
    assert found.add(clean | {"failures": [{"type": "ServerError", "count": 2}]})
    assert not found.is_clean
    assert (found.cases, found.failures.total()) == (10, 2)
    assert Found().add(clean | {"operations": {"errored": 1}})
    assert not Found(server_errors=1).is_clean


def test_a_normal_client_notes_what_it_waits_and_what_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, "normal") as server:
        for keeps in (True, False):
            with NormalClient(server, "127.0.0.2", keeps=keeps) as client:
                while len(client.waits.seconds) < 9 and not client.waits.errors:
                    client.pause()
            assert not client.waits.errors
            assert 0 < client.waits.ms(0.5) <= client.waits.ms(0.99)
        assert server.errors() == []
    with NormalClient(server, "127.0.0.2", keeps=True) as client:  # it serves no more
        while not client.waits.errors:
            client.pause()
    assert client.waits.figures()["errors"]


def test_who_shares_the_address_of_an_attack_and_is_refused_is_told_of_in_its_row() -> None:
    good, slow, refused = Waits([0.01] * 200), Waits([0.01] * 190 + [0.2] * 10), Waits([0.01], ["503"])
    assert [row.reached for row in slow_rows("x", good, good, 9)] == [True, True]
    assert [row.reached for row in slow_rows("x", slow, good, 9)] == [False, True]
    for same in (slow, refused):
        rows = slow_rows("x", good, same, 9)
        assert [row.reached for row in rows] == [True]
        assert "from its address p50" in rows[0].measured
    assert [row.reached for row in slow_rows("x", refused, refused, 9)] == [False]
    assert [row.reached for row in slow_rows("x", Waits(), Waits(), 9)] == [False]


def test_only_what_testssl_finds_above_low_counts() -> None:
    def finding(name: str, severity: str) -> dict[str, Any]:
        return {"id": name, "severity": severity, "finding": "x"}

    counted, excepted = judged(
        [
            finding("TLS1_2", "OK"),
            finding("LUCKY13", "LOW"),
            finding("BEAST", "MEDIUM"),
            finding("DROWN", "WARN"),
            finding("cert_chain_of_trust", "CRITICAL"),
            finding("cert_chain_of_trust <cert#1>", "CRITICAL"),
        ]
    )
    assert [text.split(" ")[0] for text in counted] == ["BEAST", "DROWN"]
    assert len(excepted) == 2
    assert all("self-signed" in text for text in excepted)


def test_what_a_machine_lacks_is_a_row_that_says_so(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(plan.folder))
    rows = run(plan, ["slowhttptest", "testssl"])
    assert [row.reached for row in rows] == [None, None]
    assert "apt-get install slowhttptest" in rows[0].measured
    assert "apt-get install testssl.sh" in rows[1].measured


@pytest.mark.parametrize(("reached", "word"), OUTCOMES)
def test_the_table_says_what_was_reached(reached: bool | None, word: str) -> None:
    assert as_table([Row("a", "1", "2", reached)]).splitlines()[-1].endswith(f"| {word.ljust(7)} |")


def test_the_table_replaces_the_one_between_the_markers() -> None:
    text = "a\n<!-- attack:begin -->\nold\n<!-- attack:end -->\nb\n"
    new = placed(text, "new\n")
    assert new == "a\n<!-- attack:begin -->\nnew\n<!-- attack:end -->\nb\n"
    assert placed(new, "new\n") == new
