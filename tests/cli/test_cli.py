"""The command line, as a person uses it: click's own runner for what ends by itself."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from harness import RunningServer

import c8ybin
from c8ybin.accounts import Accounts
from c8ybin.cli import main
from c8ybin.cli.serve import serve as serve_command


def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, arguments, input=stdin)


def add(data: Path, name: str, password: str = "secret\n", *more: str) -> Result:
    return run("user", "add", name, "--password-stdin", "--data", str(data), *more, stdin=password)


def test_version() -> None:
    assert run("--version").output == f"c8ybin {c8ybin.__version__}\n"


def test_user_add_makes_the_data_directory_and_keeps_one_line_as_the_password(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    assert add(data, "ann", "se cret\nnot this\n", "--roles", "ROLE_EVENT_READ, ROLE_ADMIN").exit_code == 0
    accounts = Accounts(data)
    user = accounts.authenticate("ann", "se cret")
    accounts.close()
    assert user
    assert user.roles == {"ROLE_EVENT_READ", "ROLE_ADMIN"}
    assert stat.S_IMODE((data / "accounts.json").stat().st_mode) == 0o600


def test_user_list_remove_and_password(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    add(tmp_path, "bob", "secret\n", "--roles", "ROLE_EVENT_READ")
    listed = run("user", "list", "--json", "--data", str(tmp_path))
    assert [(user["name"], user["roles"]) for user in json.loads(listed.output)] == [
        ("ann", ["ROLE_EVENT_ADMIN", "ROLE_EVENT_READ"]),
        ("bob", ["ROLE_EVENT_READ"]),
    ]
    assert run("user", "list", "--data", str(tmp_path)).output.splitlines()[1] == "bob\tROLE_EVENT_READ"
    done = run("user", "password", "bob", "--password-stdin", "--data", str(tmp_path), stdin="other\n")
    assert done.exit_code == 0
    accounts = Accounts(tmp_path)
    assert accounts.authenticate("bob", "other")
    assert not accounts.authenticate("bob", "secret")
    accounts.close()
    assert run("user", "remove", "bob", "--data", str(tmp_path)).exit_code == 0
    assert run("user", "list", "--data", str(tmp_path)).output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "says"),
    [
        (("add", "ann", "--password-stdin"), "x\n", 1, "already"),
        (("add", "a:b", "--password-stdin"), "x\n", 1, "colon"),
        (("add", "bob", "--password-stdin"), "\n", 1, "one line"),
        (("add", "bob"), "x\n", 2, "--password-stdin"),
        (("add", "bob", "--password-stdin", "--roles", "ROLE_KING"), "x\n", 1, "ROLE_EVENT_READ"),
        (("remove", "bob"), "", 1, "no user bob"),
        (("password", "bob", "--password-stdin"), "x\n", 1, "no user bob"),
    ],
)
def test_what_user_refuses_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], stdin: str, code: int, says: str
) -> None:
    add(tmp_path, "ann")
    before = (tmp_path / "accounts.json").read_bytes()
    result = run("user", *arguments, "--data", str(tmp_path), stdin=stdin)
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "accounts.json").read_bytes() == before


def test_user_list_of_a_missing_directory_makes_none(tmp_path: Path) -> None:
    result = run("user", "list", "--data", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "no data directory" in result.stderr
    assert not (tmp_path / "none").exists()
    (tmp_path / "empty").mkdir()
    assert run("user", "list", "--data", str(tmp_path / "empty")).exit_code == 2
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_foreign_directory_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for arguments in (("serve", "--workers", "1", "--port", "0"), ("user", "add", "ann", "--password-stdin")):
        result = run(*arguments, "--data", str(tmp_path), stdin="x\n")
        assert result.exit_code == 2
        assert "no data directory of c8ybin" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def settings_of(*arguments: str, **environment: str) -> dict[str, object]:
    """The values that `serve` would run with."""
    seen: dict[str, object] = {}
    probe = click.Command("serve", params=serve_command.params, callback=lambda **values: seen.update(values))
    result = CliRunner(env=environment).invoke(probe, arguments)
    assert result.exit_code == 0, result.output
    return seen


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('port = 1\nmax-binary = "1 MiB"\ndemo = true\ntrusted-proxy = ["10.0.0.0/8", "::1"]\n')
    config = ("--config", str(file))
    assert settings_of()["port"] == 8080
    assert settings_of(*config)["port"] == 1
    assert settings_of(*config, C8YBIN_PORT="2")["port"] == 2
    assert settings_of(*config, "--port", "3", C8YBIN_PORT="2")["port"] == 3
    values = settings_of(*config, "--no-demo", C8YBIN_MAX_CHUNK="1000")
    assert (values["max_binary"], values["max_chunk"], values["demo"]) == (1024 * 1024, 1000, False)
    assert [str(n) for n in values["trusted_proxy"]] == ["10.0.0.0/8", "::1/128"]  # type: ignore[attr-defined]
    assert settings_of(C8YBIN_CONFIG=str(file))["demo"] is True
    file.write_text('trusted-proxy = "127.0.0.1"\ndemo = 1\nmax-chunk = 1000\n')
    values = settings_of(*config)
    assert (len(values["trusted_proxy"]), values["demo"], values["max_chunk"]) == (1, True, 1000)  # type: ignore[arg-type]


def test_every_option_has_an_environment_variable() -> None:
    for command in (serve_command, *main.commands["user"].commands.values()):  # type: ignore[attr-defined]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                key = parameter.opts[0].removeprefix("--").replace("-", "_").upper()
                assert parameter.envvar == f"C8YBIN_{key}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1\n", "unknown key prot"),
        ("port = \n", "is not TOML"),
        ("port = [1, 2]\n", "a value of port"),
        ("port = {a = 1}\n", "a value of port"),
        (None, "cannot be read"),
    ],
)
def test_a_bad_config_file_is_one_sentence(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "c.toml"
    if text is not None:
        file.write_text(text)
    result = run("serve", "--config", str(file))
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--max-binary", "fifty", "KiB"),
        ("--upload-expiry", "7", "90s"),
        ("--trusted-proxy", "proxy", "IP address"),
        ("--public-url", "ftp://x", "https://"),
        ("--public-url", "http://[bad", "https://"),
        ("--upload-expiry", "0d", "90s"),
        ("--host", "x" * 70, "--host"),
        ("--port", "70000", "65535"),
    ],
)
def test_a_value_that_cannot_be_read_says_how_to_write_it(option: str, value: str, says: str) -> None:
    result = run("serve", option, value)
    assert result.exit_code == 2
    assert says in result.stderr


def test_ctrl_c_ends_the_server_gently(serve: Callable[..., RunningServer]) -> None:
    server = serve("--demo")
    assert server.stop(signal.SIGINT) == 0
    assert not any("Traceback" in line for line in server.lines)


def loaded_by(script: str) -> set[str]:
    """The packages that a program has imported, by their first names."""
    script += "\nprint(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    environment = {k: v for k, v in os.environ.items() if not re.match("C8YBIN_|PYTHON", k)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_command_line_loads_no_command() -> None:
    loaded = loaded_by("import sys, c8ybin.cli")
    assert "click" in loaded
    assert {"falcon", "waitress", "httpx", "rich"}.isdisjoint(loaded)


@pytest.mark.parametrize("arguments", ["serve --help", "user --help", "check --help"])
def test_a_command_of_the_server_loads_nothing_of_the_client_or_the_tests(arguments: str) -> None:
    loaded = loaded_by(f"import sys, c8ybin.cli; c8ybin.cli.main({arguments.split()}, standalone_mode=False)")
    assert "falcon" in loaded
    assert {"httpx", "rich", "prometheus_client", "webtest", "hypothesis", "pytest"}.isdisjoint(loaded)


def test_a_config_file_may_hold_keys_of_commands_that_are_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('max-binary = "1 MiB"\nquick = true\n')
    script = f"import sys, c8ybin.cli; c8ybin.cli.main(['user', 'list', '--config', {str(file)!r}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert "unknown key" not in done.stderr
    file.write_text("quack = true\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert "unknown key quack" in done.stderr
