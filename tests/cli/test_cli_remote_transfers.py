"""`c8ybin upload` and `download` as a script uses them: names, places, what is refused."""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from client_tools import environment, stand_in
from harness import Connection, RunningServer, binaries, pattern

from c8ybin.cli import main
from c8ybin.cli.remote.begun import Begun

KIB = 1024


@pytest.fixture
def run(demo_server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in a folder of its own."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def invoke(*arguments: object, **more: str) -> Result:
        home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
        env = environment(demo_server.url, **home) | more
        return CliRunner(env=env).invoke(main, list(map(str, arguments)))

    return invoke


def event_of(direct: Connection, event_id: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(direct.ask("GET", f"/event/events/{event_id}")[1])
    return document


def attach(direct: Connection, data: bytes, name: str | None = None) -> str:
    event_id = direct.create_event()
    named = {"Content_Disposition": f"attachment; filename*=UTF-8''{name}"} if name else {}
    assert direct.ask("POST", binaries(event_id), data, **named)[0].status == 201
    return event_id


def test_a_file_is_attached_under_its_name_and_type(run: Any, direct: Connection) -> None:
    Path("picture.png").write_bytes(b"\x89PNG")
    event_id = direct.create_event()
    done = run("upload", event_id, "picture.png")
    assert (done.exit_code, done.stdout) == (0, f"{event_id}\n")
    assert "Attached picture.png (4 bytes)" in done.stderr
    expected = {"type": "image/png", "name": "picture.png", "length": 4}
    assert event_of(direct, event_id)["c8y_IsBinary"] == expected
    again = run("upload", event_id, "picture.png")
    assert (again.exit_code, "already" in again.stderr) == (0, True)


def test_each_file_gets_an_event_of_its_own(run: Any, direct: Connection) -> None:
    Path("a.txt").write_bytes(b"first")
    Path("b.txt").write_bytes(pattern(300 * KIB))
    arguments = ("--source", "s1", "--type", "c8y_Logfile", "--json", "--chunk-size", "64KiB")
    done = run("upload", "new", "a.txt", "b.txt", *arguments)
    assert done.exit_code == 0, done.output
    for line, path in zip(done.stdout.splitlines(), ("a.txt", "b.txt"), strict=True):
        told, data = json.loads(line), Path(path).read_bytes()
        event_id = told.pop("event")
        assert told == {
            "name": path,
            "type": "text/plain",
            "length": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "sent": len(data),
            "verified": True,
        }
        event = event_of(direct, event_id)
        assert (event["source"]["id"], event["type"], event["text"]) == ("s1", "c8y_Logfile", path)
        assert direct.ask("GET", binaries(event_id))[1] == data


def test_name_type_text_and_time_can_be_said(run: Any, direct: Connection) -> None:
    Path("x").write_bytes(b"x")
    done = run(
        "upload", "new", "x", "--source", "s", "--text", "", "--time", "2026-01-01", "--name", "../y.csv",
        "--media-type", "a/b; c=d",
    )  # fmt: skip
    event = event_of(direct, done.stdout.strip())
    assert (event["text"], event["time"], event["type"]) == ("", "2026-01-01T00:00:00.000Z", "c8ybin_Upload")
    assert event["c8y_IsBinary"] == {"type": "a/b; c=d", "name": "y.csv", "length": 1}


def test_an_event_that_was_made_before_is_gone_on_with(
    run: Any, direct: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("x").write_bytes(b"data")
    made: list[str] = []
    remember = Begun.remember

    def interrupted(self: Begun, event_id: str) -> None:
        remember(self, event_id)
        made.append(event_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(Begun, "remember", interrupted)
    ended = run("upload", "new", "x", "--source", "s")
    assert ended.exit_code == 130
    assert "goes on from there" in ended.stderr
    monkeypatch.setattr(Begun, "remember", remember)
    other = run("upload", "new", "x", "--source", "other")
    assert other.stdout.strip() not in made
    again = run("upload", "new", "x", "--source", "s")
    assert again.stdout.strip() == made[0]
    assert list((tmp_path / "state" / "c8ybin" / "uploads").iterdir()) == []
    # Once it is done, the same file is another event's.
    assert run("upload", "new", "x", "--source", "s").stdout.strip() != made[0]


def test_the_same_command_after_a_failure_sends_no_file_twice(run: Any, direct: Connection) -> None:
    Path("a").write_bytes(b"first")
    arguments = ("upload", "new", "a", "b", "--source", "twice")
    failed = run(*arguments)
    assert failed.exit_code == 1
    # Alone it is another command.
    assert run("upload", "new", "a", "--source", "twice").stdout != failed.stdout
    Path("b").write_bytes(b"second")
    done = run(*arguments)
    assert done.stdout.splitlines()[0] == failed.stdout.strip()
    assert "a (5 bytes) is attached" in done.stderr
    assert len(run("ls", "--source", "twice").stdout.splitlines()) == 3


def test_a_file_that_is_too_long_leaves_no_event_and_is_not_sent(run: Any) -> None:
    with Path("x").open("wb") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    refused = run("upload", "new", "x", "--source", "too-long")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "at most 50 MiB; nothing was sent." in refused.stderr
    assert run("event", "list", "--source", "too-long").stdout == ""


def test_an_event_that_was_deleted_meanwhile_is_made_anew(
    run: Any, direct: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("x").write_bytes(b"data")
    monkeypatch.setattr(Begun, "event", lambda _: "1")
    assert run("upload", "new", "x", "--source", "s").exit_code == 0


def test_no_memory_is_no_obstacle(run: Any, tmp_path: Path) -> None:
    Path("x").write_bytes(b"data")
    (tmp_path / "state").touch()
    assert run("upload", "new", "x", "--source", "s").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("1", "x", "x"), 2),
        (("new", "x"), 2),
        (("1", "x", "--source", "s"), 2),
        (("1", "x", "--text", "s"), 2),
        (("new", "x", "y", "--source", "s", "--name", "n"), 2),
        (("new", "-", "-", "--source", "s"), 2),
        (("1", "x", "--media-type", "png"), 2),
        (("1", "x", "--chunk-size", "1KiB"), 2),
        (("1", "missing"), 1),
        (("1", "."), 1),
        (("1", "x"), 3),
    ],
)
def test_what_upload_refuses_is_one_sentence(run: Any, arguments: tuple[str, ...], code: int) -> None:
    Path("x").write_bytes(b"x")
    result = run("upload", *arguments)
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_another_attachment_is_replaced_only_on_request(run: Any, direct: Connection) -> None:
    Path("x").write_bytes(b"new")
    event_id = attach(direct, b"old")
    refused = run("upload", event_id, "x")
    assert (refused.exit_code, "--replace" in refused.stderr) == (1, True)
    assert run("upload", event_id, "x", "--replace").exit_code == 0
    assert direct.ask("GET", binaries(event_id))[1] == b"new"


def test_a_download_has_its_own_name_and_nothing_beside_it(run: Any, direct: Connection) -> None:
    event_id = attach(direct, b"data", "%E2%82%AC%20.txt")
    done = run("download", event_id)
    assert (done.exit_code, done.stdout) == (0, "€ .txt\n")
    assert "the digest is the server's" in done.stderr
    assert {p.name: p.read_bytes() for p in Path().iterdir()} == {"€ .txt": b"data"}
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(Path("€ .txt").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("name", [".bashrc", "%2E%2E%2F.ssh"])
def test_a_name_that_hides_is_shown(run: Any, direct: Connection, name: str) -> None:
    run("download", attach(direct, b"data", name))
    (path,) = Path().iterdir()
    assert path.name.startswith("_.")


def test_a_file_that_is_there_stays(run: Any, direct: Connection) -> None:
    event_id = attach(direct, b"new", "a.txt")
    Path("a.txt").write_bytes(b"old")
    Path("link").symlink_to("nowhere")
    for more in ((), ("-o", "a.txt"), ("-o", "link")):
        refused = run("download", event_id, *more)
        assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert Path("a.txt").read_bytes() == b"old"
    assert run("download", event_id, "--force").exit_code == 0
    assert Path("a.txt").read_bytes() == b"new"
    assert sorted(p.name for p in Path().iterdir()) == ["a.txt", "link"]


def test_a_file_that_appears_meanwhile_stays(
    run: Any, direct: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from c8ybin.cli.remote.targets import FileSink

    event_id = attach(direct, b"new", "a.txt")
    finish = FileSink.finish

    def late(self: FileSink) -> None:
        Path("a.txt").write_bytes(b"old")
        finish(self)

    monkeypatch.setattr(FileSink, "finish", late)
    assert run("download", event_id).exit_code == 1
    assert Path("a.txt").read_bytes() == b"old"


def test_it_goes_where_it_is_told(run: Any, direct: Connection) -> None:
    event_id = attach(direct, b"data", "a.txt")
    Path("folder").mkdir()
    Path("by-link").symlink_to("folder")
    for output, path in (("b", "b"), ("folder", "folder/a.txt"), ("by-link/c", "folder/c")):
        told = json.loads(run("download", event_id, "-o", output, "--json").stdout)
        assert Path(path).read_bytes() == b"data"
        assert (told["name"], told["length"], told["resumed"], told["verified"]) == ("a.txt", 4, 0, True)
    assert run("download", event_id, "-o", "-").stdout == "data"
    assert run("download", event_id, "-o", "/dev/null").exit_code == 0
    full = run("download", event_id, "-o", "/dev/full")
    assert (full.exit_code, "No space left" in full.stderr) == (1, True)
    missing = run("download", event_id, "-o", "missing/x")
    assert (missing.exit_code, "missing/x cannot be written" in missing.stderr) == (1, True)


def test_only_what_is_missing_is_fetched(
    run: Any, direct: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from c8ybin.cli.remote.targets import FileSink

    data = pattern(600 * KIB)
    event_id = attach(direct, data, "big")
    write = FileSink.write

    def interrupted(self: FileSink, block: bytes) -> None:
        write(self, block)
        raise KeyboardInterrupt

    monkeypatch.setattr(FileSink, "write", interrupted)
    ended = run("download", event_id)
    assert (ended.exit_code, ended.stdout) == (130, "")
    (part,) = Path().iterdir()
    here = part.stat().st_size
    assert (part.name.startswith("."), part.name.endswith(".part"), 0 < here < len(data)) == (
        True,
        True,
        True,
    )
    monkeypatch.setattr(FileSink, "write", write)
    told = json.loads(run("download", event_id, "--json").stdout)
    assert (told["resumed"], told["verified"]) == (here, True)
    assert {p.name: p.read_bytes() for p in Path().iterdir()} == {"big": data}


def test_what_was_left_of_another_attachment_is_not_used(run: Any, direct: Connection) -> None:
    event_id = attach(direct, pattern(300 * KIB), "big")
    from c8ybin.cli.remote.targets import FileSink

    with pytest.MonkeyPatch.context() as patch:

        def interrupted(_: FileSink) -> None:
            raise KeyboardInterrupt

        patch.setattr(FileSink, "finish", interrupted)
        assert run("download", event_id).exit_code == 130
    new = pattern(400 * KIB)[::-1]
    direct.ask("PUT", binaries(event_id), new, Content_Disposition='attachment; filename="big"')
    done = run("download", event_id, "--json")
    assert (json.loads(done.stdout)["resumed"], done.stderr) == (0, "")
    assert Path("big").read_bytes() == new


def test_what_comes_wrong_gets_no_name_and_its_own_exit_code(run: Any) -> None:
    from c8ybin.domain.digests import format_digest

    with stand_in() as other:
        other.binary = b"data"
        digest = {"Repr-Digest": format_digest(bytes(32)), "ETag": '"1"'}
        other.headers = {**digest, "Content-Disposition": 'a; filename="x"'}
        wrong = run("download", "7", C8YBIN_URL=other.url)
        assert (wrong.exit_code, list(Path().iterdir())) == (6, [])
        assert run("download", "7", "-o", "-", C8YBIN_URL=other.url).exit_code == 6


def test_another_server_is_served_as_well(run: Any) -> None:
    Path("x.txt").write_bytes(pattern(200 * KIB))
    with stand_in() as other:
        env = {"C8Y_HOST": other.url, "C8Y_TENANT": "t1", "C8Y_USER": "u", "C8Y_PASSWORD": "p"}
        env |= {"C8YBIN_URL": "", "C8YBIN_USER": "", "C8YBIN_PASSWORD": ""}
        done = run("upload", "7", "x.txt", "--chunk-size", "64KiB", **env)
        assert done.exit_code == 0, done.output
        assert "tells no digest" in done.stderr
        assert other.binary == Path("x.txt").read_bytes()
        assert (other.methods(), other.name) == (["POST"], "x.txt")
        assert other.seen[-1][2]["Authorization"] == "Basic dDEvdTpw"
        assert run("download", "7", "-o", "back", **env).exit_code == 0
        assert Path("back").read_bytes() == other.binary
