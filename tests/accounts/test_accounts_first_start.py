"""The account that a first start makes by itself."""

import os
import secrets
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from store_tools import by_path

from c8ybin.accounts import ADMIN_PASSWORD_FILE, EVENT_READ, ROLES, AccountsProblem, make_admin


@pytest.fixture()
def kept(tmp_path):
    return tmp_path / ADMIN_PASSWORD_FILE


def test_makes_an_admin_whose_password_is_kept_for_the_owner_alone(accounts, tmp_path, kept):
    password = make_admin(accounts, tmp_path)
    assert len(password) >= 20
    assert kept.read_text() == f"{password}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert accounts.authenticate("admin", password).roles == set(ROLES)
    assert sorted(os.listdir(tmp_path)) == ["accounts.json", "accounts.lock", "admin-password"]


def test_makes_it_once(accounts, make_accounts, tmp_path, kept):
    password = make_admin(accounts, tmp_path)
    assert make_admin(accounts, tmp_path) is None
    assert make_admin(make_accounts(), tmp_path) is None
    assert kept.read_text() == f"{password}\n"
    assert accounts.authenticate("admin", password)


def test_makes_none_where_there_is_an_account(accounts, tmp_path, kept):
    accounts.add("ann", "secret", [EVENT_READ])
    assert make_admin(accounts, tmp_path) is None
    assert [user.name for user in accounts.users()] == ["ann"]
    assert not kept.exists()


def test_passwords_differ(make_accounts, tmp_path):
    passwords = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        accounts = type(make_accounts())(tmp_path / name)
        passwords.add(make_admin(accounts, tmp_path / name))
        accounts.close()
    assert len(passwords) == 2


def test_takes_up_the_password_of_a_start_that_was_cut_before_the_account(accounts, tmp_path, kept):
    kept.write_text("written-before-the-cut\n")
    assert make_admin(accounts, tmp_path) == "written-before-the-cut"
    assert accounts.authenticate("admin", "written-before-the-cut")


def test_tells_of_a_kept_password_that_is_none(accounts, tmp_path, kept):
    kept.write_text("\n")
    with pytest.raises(AccountsProblem, match="password is one line"):
        make_admin(accounts, tmp_path)
    assert accounts.users() == []


def test_the_password_is_durable_before_the_account_is_made(accounts, tmp_path, monkeypatch):
    steps, fsync, link, rename = [], os.fsync, os.link, os.rename

    def record_fsync(fd):
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        steps.append("fsync " + ("" if path.is_dir() else path.name))
        fsync(fd)

    def record_link(source, target):
        steps.append(f"link {target.name}")
        link(source, target)

    def record_rename(source, target):
        steps.append(f"rename {target.name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "link", by_path(record_link))
    monkeypatch.setattr(os, "rename", by_path(record_rename))
    make_admin(accounts, tmp_path)
    assert steps == [
        "fsync admin-password",
        "rename admin-password",
        "fsync ",  # the directory
        "fsync accounts.json",
        "rename accounts.json",
        "fsync ",
    ]


def test_racing_first_starts_end_with_one_password_that_works(make_accounts, tmp_path, kept):
    each, gate, given = [make_accounts() for _ in range(6)], threading.Barrier(6), []

    def start(accounts):
        gate.wait(30)
        given.append(make_admin(accounts, tmp_path))

    threads = [threading.Thread(target=start, args=(accounts,)) for accounts in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(given) == 6
    told = {password for password in given if password}
    assert told == {kept.read_text().strip()}
    assert all(accounts.authenticate("admin", *told) for accounts in each)
    assert [user.name for user in each[0].users()] == ["admin"]


def test_racing_processes_end_with_one_password_that_works(accounts, tmp_path, kept):
    code = (
        "import sys\nfrom pathlib import Path\nfrom c8ybin.accounts import Accounts, make_admin\n"
        "root = Path(sys.argv[1])\naccounts = Accounts(root)\nprint('ready', flush=True)\n"
        "sys.stdin.readline()\nprint(make_admin(accounts, root), flush=True)\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 3
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    said = {child.communicate(timeout=60)[0].strip() for child in children}
    password = kept.read_text().strip()
    assert said - {"None"} == {password}
    assert accounts.authenticate("admin", password)


def test_a_start_that_lost_the_lock_to_another_leaves_the_password_that_works(
    accounts, tmp_path, kept, monkeypatch
):
    code = (
        "import sys\nfrom pathlib import Path\nfrom c8ybin.accounts import Accounts, make_admin\n"
        "root = Path(sys.argv[1])\nmake_admin(Accounts(root), root)\n"
    )

    def be_slower(_):
        (tmp_path / "accounts.lock").rename(tmp_path / "lost")  # as a file system gives it to another host
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
        return "that-of-nobody"

    monkeypatch.setattr(secrets, "token_urlsafe", be_slower)
    with pytest.raises(FileNotFoundError):
        make_admin(accounts, tmp_path)
    assert accounts.authenticate("admin", kept.read_text().strip())
    assert make_admin(accounts, tmp_path) is None


@pytest.mark.parametrize("change", ["remove", "set_password"])
def test_the_kept_password_goes_when_it_holds_no_more(accounts, tmp_path, change):
    first = make_admin(accounts, tmp_path)
    accounts.add("ann", "secret", [EVENT_READ])
    accounts.remove("ann")
    assert (tmp_path / ADMIN_PASSWORD_FILE).exists()
    getattr(accounts, change)("admin", *(["other"] if change == "set_password" else []))
    assert not (tmp_path / ADMIN_PASSWORD_FILE).exists()
    if change == "remove":
        assert make_admin(accounts, tmp_path) not in (None, first)
