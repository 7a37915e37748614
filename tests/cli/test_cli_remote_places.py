"""Which server is meant and what it is logged in to with: options, environment, profiles."""

import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from client_tools import environment
from harness import RunningServer

from c8ybin.cli import main
from c8ybin.cli.remote.exits import Failure
from c8ybin.cli.remote.places import VARIABLES, find_target
from c8ybin.cli.remote.profiles import profile_file, read_profiles, write_profile

OURS = {"C8YBIN_URL": "https://ours", "C8YBIN_USER": "ann", "C8YBIN_PASSWORD": "ours-secret"}
THEIRS = {"C8Y_HOST": "theirs", "C8Y_TENANT": "t1", "C8Y_USER": "bob", "C8Y_PASSWORD": "theirs-secret"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with two profiles."""
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = profile_file(env)
    write_profile(path, "default", {"url": "https://first", "user": "eve", "password": "first-secret"})
    write_profile(path, "box", {"url": "http://box:8080", "token": "c8y_x", "cacert": "/ca.pem"})
    return env


def found(env: dict[str, str], **options: Any) -> tuple[str, str | None, str | None]:
    """URL, user and secret."""
    target = find_target(env, **options)
    return target.url, target.user, target.token or target.password


def test_what_counts_most_names_the_server(home: dict[str, str]) -> None:
    assert found(home) == ("https://first", "eve", "first-secret")
    assert found(home | THEIRS) == ("https://theirs", "t1/bob", "theirs-secret")
    assert found(home | THEIRS | OURS) == ("https://ours", "ann", "ours-secret")
    assert found(home | THEIRS | OURS, profile="box") == ("http://box:8080", None, "c8y_x")
    assert found(home | THEIRS | {"C8YBIN_PROFILE": "box"}) == ("http://box:8080", None, "c8y_x")
    assert found(home | OURS | {"C8YBIN_PROFILE": "box"})[0] == "https://ours"
    assert find_target(home, profile="box").cacert == "/ca.pem"
    assert find_target(home, profile="box", cacert="/mine.pem").cacert == "/mine.pem"


def test_a_secret_goes_to_no_other_server(home: dict[str, str]) -> None:
    assert found(home | THEIRS | OURS, url="https://other") == ("https://other", None, None)
    # The address that an option says may be one that a place knows.
    assert found(home | THEIRS, url="https://theirs") == ("https://theirs", "t1/bob", "theirs-secret")
    assert found(home | OURS, url="http://box:8080/") == ("http://box:8080", None, "c8y_x")
    assert found(home | OURS, url="HTTP://BOX:8080") == ("http://box:8080", None, "c8y_x")
    assert found({**home, "C8YBIN_URL": "https://other"}) == ("https://other", None, None)
    # Of ours without an address it is said for whatever is named.
    alone = {"C8YBIN_USER": "ann", "C8YBIN_PASSWORD": "ours-secret"}
    assert found(home | alone, url="https://other") == ("https://other", "ann", "ours-secret")
    # Theirs never come without one.
    assert found({"C8Y_USER": "bob", "C8Y_PASSWORD": "x"}, url="https://other") == (
        "https://other",
        None,
        None,
    )


def test_a_secret_is_of_no_other_user(home: dict[str, str]) -> None:
    assert found(home, user="eve") == ("https://first", "eve", "first-secret")
    assert found(home, user="mallory") == ("https://first", "mallory", None)
    assert found(home, profile="box", user="mallory") == ("http://box:8080", "mallory", None)
    password_alone = {"C8YBIN_URL": "https://ours", "C8YBIN_PASSWORD": "x"}
    assert found(password_alone, user="ann") == ("https://ours", "ann", "x")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("t1.eu.cumulocity.com", "https://t1.eu.cumulocity.com"),
        ("https://t1.eu.cumulocity.com/", "https://t1.eu.cumulocity.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("example.com:8443/c8y", "https://example.com:8443/c8y"),
    ],
)
def test_a_host_is_as_go_c8y_cli_has_it(host: str, url: str) -> None:
    assert find_target({"C8Y_HOST": host}).url == url


def test_a_user_with_a_tenant_gets_no_second_one() -> None:
    assert find_target(THEIRS | {"C8Y_USER": "t9/bob"}).user == "t9/bob"
    assert find_target(THEIRS | {"C8Y_TENANT": ""}).user == "bob"
    assert find_target({**THEIRS, "C8Y_TOKEN": "tok"}).authorization() == "Bearer tok"


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://user:secret@x", "https://x?y=1", "https://[x", "https://x:99999"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Failure) as failure:
        find_target({}, url=url)
    assert failure.value.exit_code == 2
    assert "secret" not in failure.value.message


def test_a_password_after_the_user_is_refused_without_repeating_it(home: dict[str, str]) -> None:
    with pytest.raises(Failure) as failure:
        find_target(home, user="ann:s3cret")
    assert (failure.value.exit_code, "s3cret" in failure.value.message) == (2, False)


def test_nothing_named_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="c8ybin login"):
        find_target({"XDG_CONFIG_HOME": str(tmp_path)})
    with pytest.raises(Failure, match="no profile x"):
        find_target({"XDG_CONFIG_HOME": str(tmp_path)}, profile="x")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_profile_file_that_others_may_read_is_refused(home: dict[str, str], mode: int) -> None:
    path = profile_file(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(mode)
    with pytest.raises(Failure, match=f"chmod 600 {path}") as failure:
        find_target(home)
    assert failure.value.exit_code == 2
    assert "secret" not in failure.value.message


@pytest.mark.parametrize(
    "text", ["x = 1", "[a]\nurl = 1", "[a]\nurll = 'x'", "[a", '[a]\nurl = "\\uD800"', "a = 'b'"]
)
def test_a_profile_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profiles.toml"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(Failure):
        read_profiles(path)


@pytest.mark.parametrize("text", ['a"b\\c', "ä€😀", "\x7f\t\n\x01", "'", "", "#"])
def test_what_is_kept_is_read_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "new" / "profiles.toml"
    write_profile(path, "a", {"url": "https://x", "password": text})
    write_profile(path, f"b {text}", {"url": "https://y"})
    assert read_profiles(path) == {
        "a": {"url": "https://x", "password": text},
        f"b {text}": {"url": "https://y"},
    }
    assert [p.name for p in path.parent.iterdir()] == ["profiles.toml"]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def invoke(tmp_path: Path, *arguments: str, stdin: str = "", **more: str) -> Result:
    env = environment(XDG_CONFIG_HOME=str(tmp_path), **more)
    return CliRunner(env=env).invoke(main, arguments, input=stdin)


def test_login_keeps_what_the_server_accepts_and_logout_forgets_it(
    demo_server: RunningServer, tmp_path: Path
) -> None:
    url = ("--url", demo_server.url, "--user", "demo", "--password-stdin")
    refused = invoke(tmp_path, "login", *url, stdin="wrong\n")
    assert (refused.exit_code, (tmp_path / "c8ybin").exists()) == (4, False)
    done = invoke(tmp_path, "login", *url, stdin="demo\n")
    assert done.exit_code == 0, done.output
    path = tmp_path / "c8ybin" / "profiles.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "demo" not in done.stdout
    assert invoke(tmp_path, "ls").exit_code == 0
    assert invoke(tmp_path, "login", *url, "--profile", "two", stdin="demo\n").exit_code == 0
    assert set(read_profiles(path)) == {"default", "two"}
    assert invoke(tmp_path, "logout").exit_code == 0
    assert invoke(tmp_path, "ls").exit_code == 2
    assert invoke(tmp_path, "ls", "--profile", "two").exit_code == 0
    assert invoke(tmp_path, "logout").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("--url", "http://127.0.0.1:1"), ""),
        (("--url", "http://127.0.0.1:1", "--user", "x", "--password-stdin"), ""),
        (("--password-stdin", "--token-stdin"), "x\n"),
        (("--user", "x", "--password-stdin"), "x\n"),
        (("--url", "http://127.0.0.1:1", "--token-stdin"), "a token\u20ac\n"),
    ],
)
def test_login_says_what_is_missing(tmp_path: Path, arguments: tuple[str, ...], stdin: str) -> None:
    result = invoke(tmp_path, "login", *arguments, stdin=stdin)
    assert result.exit_code in (2, 4)
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "c8ybin").exists()


def test_the_manual_names_every_variable_that_is_read() -> None:
    seen: set[str] = set()

    class Watched(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            seen.add(key)
            return super().get(key, default)

    find_target(Watched(THEIRS))
    assert seen - {"C8Y_USERNAME"} <= set(VARIABLES) - {"XDG_STATE_HOME"}
    assert seen | {"XDG_STATE_HOME"} >= set(VARIABLES)
