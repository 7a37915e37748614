"""`c8ybin user` and `c8ybin token`, as a person types them; and a running server that sees each change at once."""

import json
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from harness import Serve, connected

from c8ybin.accounts import Accounts
from c8ybin.cli import main


def run(data: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, [*arguments, "--data", str(data)], input=stdin)


def done(data: Path, *arguments: str, stdin: str = "") -> str:
    result = run(data, *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def add(data: Path, name: str, *more: str) -> None:
    done(data, "user", "add", name, "--password-stdin", *more, stdin="secret\n")


def listed(data: Path) -> dict[str, dict[str, object]]:
    return {user["name"]: user for user in json.loads(done(data, "user", "list", "--json"))}


def test_a_list_tells_roles_limits_tokens_and_who_is_disabled(tmp_path: Path) -> None:
    limits = ("--sources", "1001, 1002", "--quota", "10GiB", "--max-events", "100000")
    add(tmp_path, "ann", "--roles", "ROLE_EVENT_READ", *limits)
    done(tmp_path, "user", "add", "bob", "--no-password")
    done(tmp_path, "user", "disable", "bob")
    token = done(
        tmp_path, "token", "add", "--user", "ann", "--name", "pump", "--expires", "2099-12-31"
    ).strip()
    users = listed(tmp_path)
    (told,) = users["ann"].pop("tokens")  # type: ignore[misc]
    assert users["ann"] == {
        "name": "ann", "roles": ["ROLE_EVENT_READ"], "sources": ["1001", "1002"], "quota": 10 * 1024**3,
        "maxEvents": 100_000, "disabled": False, "hasPassword": True,
    }  # fmt: skip
    assert users["bob"] == {
        "name": "bob", "roles": ["ROLE_EVENT_ADMIN", "ROLE_EVENT_READ"], "sources": None, "quota": None,
        "maxEvents": None, "disabled": True, "hasPassword": False, "tokens": [],
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-.*Z", told.pop("created"))  # type: ignore[attr-defined]
    assert told == {
        "id": token.split("_")[1], "name": "pump", "roles": None, "expires": "2099-12-31T00:00:00.000Z",
    }  # fmt: skip
    ann, bob = done(tmp_path, "user", "list").splitlines()
    assert ann == "ann\tROLE_EVENT_READ\tsources 1001,1002\tquota 10 GiB\tmax events 100000\ttokens 1"
    assert bob == "bob\tROLE_EVENT_ADMIN,ROLE_EVENT_READ\tno password\tdisabled"
    for command in ("user", "token"):
        assert token not in done(tmp_path, command, "list", "--json")
        assert token not in done(tmp_path, command, "list")


def test_limits_are_changed_and_lifted(tmp_path: Path) -> None:
    add(tmp_path, "ann", "--sources", "1001", "--quota", "1MiB", "--max-events", "5")
    done(tmp_path, "user", "change", "ann", "--roles", "ROLE_ADMIN", "--quota", "2MiB")
    ann = listed(tmp_path)["ann"]
    assert (ann["roles"], ann["sources"], ann["quota"], ann["maxEvents"]) == (
        ["ROLE_ADMIN"], ["1001"], 2 * 1024**2, 5,
    )  # fmt: skip
    done(tmp_path, "user", "change", "ann", "--sources", "none", "--quota", "none", "--max-events", "None")
    ann = listed(tmp_path)["ann"]
    assert (ann["roles"], ann["sources"], ann["quota"], ann["maxEvents"]) == (
        ["ROLE_ADMIN"],
        None,
        None,
        None,
    )


def test_tokens_are_listed_and_revoked(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    before = time.time()
    made = run(tmp_path, "token", "add", "--user", "ann", "--roles", "ROLE_EVENT_READ", "--expires", "30d")
    assert re.fullmatch(r"c8y_[0-9a-f]{10}_[\w-]{43}\n", made.stdout)
    assert made.stdout.split("_")[1] in made.stderr
    (token,) = json.loads(done(tmp_path, "token", "list", "--json"))
    accounts = Accounts(tmp_path)
    expires = accounts.records()["ann"].tokens[token["id"]].expires
    assert expires
    assert -1 < expires / 1000 - before - 30 * 86400 < 60
    user = accounts.of_token(made.stdout.strip())
    assert user
    assert user.roles == {"ROLE_EVENT_READ"}
    line = done(tmp_path, "token", "list")
    assert line.startswith(f"{token['id']}\tann\t\tROLE_EVENT_READ\tmade 20")
    assert "\texpires 20" in line
    assert token["id"] in done(tmp_path, "token", "remove", token["id"])
    assert accounts.of_token(made.stdout.strip()) is None
    accounts.close()
    assert done(tmp_path, "token", "list") == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("user", "remove", "root"), 1, "--force"),
        (("user", "disable", "root"), 1, "--force"),
        (("user", "change", "root", "--roles", "ROLE_EVENT_READ"), 1, "--force"),
        (("user", "change", "ann"), 2, "Say what to change"),
        (("user", "change", "bob", "--quota", "1"), 1, "no user bob"),
        (("user", "disable", "bob"), 1, "no user bob"),
        (("user", "enable", "bob"), 1, "no user bob"),
        (("user", "rename", "bob", "eve"), 1, "no user bob"),
        (("user", "rename", "ann", "root"), 1, "a user root already"),
        (("user", "change", "ann", "--sources", ","), 1, "Sources are"),
        (("user", "add", "bob", "--no-password", "--password-stdin"), 2, "either"),
        (("token", "add", "--user", "bob"), 1, "no user bob"),
        (("token", "add", "--user", "ann", "--roles", "ROLE_ADMIN"), 1, "no ROLE_ADMIN"),
        (("token", "add", "--user", "ann", "--roles", "ROLE_KING"), 1, "Roles are"),
        (("token", "remove", "0123456789"), 1, "no token 0123456789"),
    ],
)
def test_what_is_refused_is_one_sentence_and_changes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    add(tmp_path, "root", "--roles", "ROLE_ADMIN")
    add(tmp_path, "ann")
    before = (tmp_path / "accounts.json").read_bytes()
    result = run(tmp_path, *arguments, stdin="x\n")
    assert (result.exit_code, says in result.stderr, result.stderr.count("\n")) == (code, True, 1), (
        result.stderr
    )
    assert (tmp_path / "accounts.json").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--expires", "2001-01-01"), ("--expires", "soon"), ("--expires", "0d"), ("--expires", "999999999d"),
        ("--expires", ""), ("--quota", "lots"), ("--max-events", "0"), ("--max-events", "-1"),
    ],
)  # fmt: skip
def test_values_that_are_none_are_refused(tmp_path: Path, option: str, value: str) -> None:
    add(tmp_path, "ann")
    command = ("token", "add", "--user", "ann") if option == "--expires" else ("user", "change", "ann")
    result = run(tmp_path, *command, option, value)
    assert (result.exit_code, "Invalid value" in result.stderr) == (2, True)


def test_the_last_administrator_goes_by_force(tmp_path: Path) -> None:
    add(tmp_path, "root", "--roles", "ROLE_ADMIN")
    done(tmp_path, "user", "disable", "root", "--force")
    done(tmp_path, "user", "enable", "root")
    done(tmp_path, "user", "change", "root", "--roles", "ROLE_EVENT_READ", "--force")
    done(tmp_path, "user", "remove", "root", "--force")
    assert listed(tmp_path) == {}


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    for text, says in (("{", "cannot be understood"), ('{"version": 9}', "newer c8ybin")):
        (tmp_path / "accounts.json").write_text(text)
        for arguments in (
            ("user", "list"),
            ("token", "list"),
            ("user", "disable", "ann"),
            ("token", "remove", "x"),
        ):
            result = run(tmp_path, *arguments)
            assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
            assert says in result.stderr


def test_each_change_holds_at_once_in_every_process(serve: Serve, tmp_path: Path) -> None:
    data = tmp_path / "data"
    add(data, "root", "--roles", "ROLE_ADMIN")
    add(data, "ann")
    token = done(data, "token", "add", "--user", "ann").strip()
    reading = done(data, "token", "add", "--user", "ann", "--roles", "ROLE_EVENT_READ").strip()
    server = serve(workers=2)

    def statuses(account: str, authorization: str | None = None, method: str = "GET") -> set[int]:
        """What a few connections are answered, which both workers take."""
        found = set()
        for _ in range(4):  # fewer than failures make a pause
            with connected(server, account) as c:
                more = {"Authorization": authorization} if authorization else {}
                found.add(c.ask(method, "/event/events?source=1", **more)[0].status)
        return found

    assert statuses("ann:secret") == statuses("", f"Bearer {token}") == {200}
    assert statuses("", f"bearer  {token} ") == {200}
    assert statuses("", f"Bearer {reading}", "DELETE") == {403}
    assert statuses("", f"Bearer {token}", "DELETE") == {204}
    assert statuses("", f"Bearer {token}x") == {401}
    done(data, "user", "disable", "ann")
    assert statuses("ann:secret") == statuses("", f"Bearer {token}") == {401}
    done(data, "user", "enable", "ann")
    assert statuses("ann:secret") == statuses("", f"Bearer {token}") == {200}
    done(data, "user", "rename", "ann", "bea")
    assert statuses("ann:secret") == {401}
    assert statuses("bea:secret") == statuses("", f"Bearer {token}") == {200}
    done(data, "token", "remove", token.split("_")[1])
    assert statuses("", f"Bearer {token}") == {401}
    assert statuses("", f"Bearer {reading}") == {200}
    done(data, "user", "change", "bea", "--roles", "ROLE_EVENT_ADMIN")
    assert statuses("bea:secret") == statuses("", f"Bearer {reading}") == {403}
