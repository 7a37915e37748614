"""The client's commands for events, as a script uses them, on a real server."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from client_tools import environment, stand_in
from harness import Connection, RunningServer, binaries

from c8ybin.cli import main


@pytest.fixture
def run(demo_server: RunningServer, tmp_path: Path) -> Any:
    def invoke(*arguments: object, stdin: str = "", **more: str) -> Result:
        home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
        env = environment(demo_server.url, **home) | more
        return CliRunner(env=env).invoke(main, list(map(str, arguments)), input=stdin)

    return invoke


def documents(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def create(run: Any, source: str, *more: str) -> str:
    made = run("event", "create", "--source", source, "--type", "t", "--text", "hello", *more)
    assert made.exit_code == 0, made.output
    return str(made.stdout.strip())


def test_an_event_is_created_and_shown_with_its_fragments(run: Any) -> None:
    time = "2026-11-24T12:00:00.123Z"
    event_id = create(
        run, "s1", "--time", time, "--fragment", 'c8y_Position={"lat": 1.5}', "--fragment", "note=a=b"
    )
    (shown,) = documents(run("event", "show", event_id, "--json"))
    assert (shown["id"], shown["source"]["id"], shown["type"], shown["text"]) == (
        event_id,
        "s1",
        "t",
        "hello",
    )
    assert (shown["time"], shown["c8y_Position"], shown["note"]) == (time, {"lat": 1.5}, "a=b")
    assert json.loads(run("event", "show", event_id).stdout) == shown
    (made,) = documents(run("event", "create", "--source", "s1", "--type", "t", "--text", "x", "--json"))
    assert made["text"] == "x"


@pytest.mark.parametrize("fragment", ["nothing", "=1", "id=1", "c8y_IsBinary={}", "text=other"])
def test_what_is_no_fragment_is_refused(run: Any, fragment: str) -> None:
    made = run("event", "create", "--source", "s", "--type", "t", "--text", "x", "--fragment", fragment)
    assert made.exit_code == 2


def test_a_list_has_tabs_for_scripts_and_says_when_there_is_more(run: Any) -> None:
    ids = [create(run, "s2", "--time", f"2026-11-24T12:00:0{n}Z") for n in range(4)]
    listed = run("event", "list", "--source", "s2")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ids[::-1]
    assert listed.stdout.splitlines()[0].split("\t")[1:] == [
        "2026-11-24T12:00:03.000Z", "s2", "t", "", "", "hello"
    ]  # fmt: skip
    assert listed.stderr == ""
    oldest = run("event", "list", "--source", "s2", "--oldest-first", "--limit", 2)
    assert [line.split("\t")[0] for line in oldest.stdout.splitlines()] == ids[:2]
    assert oldest.stderr == "There are more than 2: --limit N or --all shows them.\n"
    later = run("event", "list", "--source", "s2", "--date-from", "2026-11-24T12:00:02Z", "--json")
    assert [event["id"] for event in documents(later)] == [ids[3], ids[2]]
    assert len(documents(run("event", "list", "--source", "s2", "--all", "--json"))) == 4
    assert documents(run("event", "list", "--source", "s2", "--created-to", "1d", "--json")) == []
    assert len(documents(run("event", "list", "--source", "s2", "--created-from", "5m", "--json"))) == 4


def test_a_list_of_several_pages_is_one(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from c8ybin.client import events

    monkeypatch.setattr(events, "PAGE_EVENTS", 2)
    ids = {create(run, "s3") for _ in range(5)}
    for limit in (["--all"], ["--limit", 5], ["--limit", 9]):
        assert {e["id"] for e in documents(run("event", "list", "--source", "s3", "--json", *limit))} == ids
    assert len(documents(run("event", "list", "--source", "s3", "--json", "--limit", 3))) == 3


def test_ls_lists_what_has_an_attachment_and_rm_removes_it(run: Any, direct: Connection) -> None:
    ids = [create(run, "s4") for _ in range(3)]
    for event_id, name in zip(ids, ("a.txt", "b%E2%80%AE.txt"), strict=False):
        field = f"attachment; filename*=UTF-8''{name}"
        direct.ask("POST", binaries(event_id), b"12345", Content_Disposition=field)
    direct.ask("POST", binaries(ids[2]), b"123", Content_Range="0-2/9")
    listed = run("ls", "--source", "s4").stdout.splitlines()
    assert sorted(line.split("\t")[0] for line in listed) == ids[:2]
    assert [line.split("\t")[4] for line in listed] == ["5", "5"]
    # What would turn the line round is told by its number.
    assert {line.split("\t")[5] for line in listed} == {"a.txt", r"b\u202e.txt"}
    assert [
        line.split("\t")[4] for line in run("ls", "--source", "s4", "--incomplete").stdout.splitlines()
    ] == ["incomplete 0-2/9"]
    assert run("rm", *ids).exit_code == 0
    assert run("ls", "--source", "s4").stdout == run("ls", "--source", "s4", "--incomplete").stdout == ""
    assert len(documents(run("event", "list", "--source", "s4", "--json"))) == 3
    assert run("rm", ids[0]).exit_code == 3


def test_a_name_that_would_steer_the_terminal_does_not(run: Any) -> None:
    create(run, "s\x1b[2J5", "--fragment", "x=1")
    listed = run("event", "list", "--source", "s\x1b[2J5").stdout
    assert "\x1b" not in listed
    assert r"s\x1b[2J5" in listed


def test_events_are_deleted_by_id_or_by_filter(run: Any) -> None:
    ids = [create(run, "s6") for _ in range(3)]
    assert run("event", "delete", ids[0]).exit_code == 0
    assert run("event", "show", ids[0]).exit_code == 3
    # Nobody is there to be asked.
    refused = run("event", "delete", "--source", "s6")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert run("event", "show", ids[1]).exit_code == 0
    assert run("event", "delete", "--source", "s6", "--yes").exit_code == 0
    assert run("event", "list", "--source", "s6").stdout == ""


@pytest.mark.parametrize("arguments", [(), ("1", "--source", "x"), ("1", "--all"), ("--all", "--type", "x")])
def test_what_is_to_be_deleted_must_be_clear(run: Any, arguments: tuple[str, ...]) -> None:
    assert run("event", "delete", "--yes", *arguments).exit_code == 2


def test_exit_codes_tell_what_was_wrong(run: Any) -> None:
    assert run("event", "show", "1").exit_code == 3
    assert run("ls", C8YBIN_PASSWORD="wrong").exit_code == 4
    assert run("ls", C8YBIN_PASSWORD="").exit_code == 4
    assert run("ls", C8YBIN_URL="http://127.0.0.1:1").exit_code == 5
    assert run("ls", C8YBIN_URL="").exit_code == 2
    assert run("ls", "--url", "ftp://x").exit_code == 2
    assert run("ls", "--last-updated-from", "yesterday").exit_code == 2
    too_much = run("event", "create", "--source", "x" * 256, "--type", "t", "--text", "x")
    assert (too_much.exit_code, "source.id" in too_much.stderr) == (1, True)
    for result in (run("event", "show", "1"), run("ls", C8YBIN_PASSWORD="wrong"), too_much):
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1


def test_a_server_that_speaks_no_json_or_redirects_is_one_sentence(run: Any) -> None:
    with stand_in() as other:
        port = {"C8YBIN_URL": other.url}
        other.refuse = [(302, {"Location": "https://elsewhere.example/"})]
        moved = run("ls", **port)
        assert (moved.exit_code, "https://elsewhere.example/" in moved.stderr) == (1, True)
        other.refuse = [(200, {})]
        odd = run("ls", **port)
        assert (odd.exit_code, "no list of events" in odd.stderr) == (1, True)


def test_the_server_is_warned_of_where_it_is_not_encrypted(run: Any) -> None:
    from c8ybin.cli.remote.connecting import Server, warn

    server = Server(None, None, None, None, insecure=False, retries=0)
    for url, is_open in (
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
        ("http://localhost", False),
        ("https://events.example.com", False),
        ("http://events.example.com", True),
        ("http://10.0.0.1", True),
    ):
        with CliRunner().isolation() as (_, errors, _both):
            warn(url, server)
            assert (b"WARNING" in errors.getvalue()) is is_open
