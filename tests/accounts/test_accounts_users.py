"""Users: added, removed, given other passwords, and asked for."""

import json
import os
import stat
import subprocess
import sys
import threading
from typing import ClassVar

import pytest
from store_tools import by_path

from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ, Accounts, AccountsProblem, Memory, User, hashing
from c8ybin.accounts import accounts as accounts_module

READER = [EVENT_READ]
ANN = User("ann", frozenset(READER))


@pytest.fixture()
def path(tmp_path):
    return tmp_path / "accounts.json"


def test_an_added_user_is_known_by_the_right_password_alone(accounts):
    accounts.add("ann", "secret", READER)
    assert accounts.authenticate("ann", "secret") == ANN
    for password in ("Secret", "secret ", "", "x" * 2000, "sécret"):
        assert accounts.authenticate("ann", password) is None
    assert accounts.authenticate("bob", "secret") is None
    assert accounts.authenticate("Ann", "secret") is None


def test_a_wrong_password_stays_wrong_after_a_right_one(accounts):
    accounts.add("ann", "secret", READER)
    accounts.authenticate("ann", "secret")
    assert accounts.authenticate("ann", "wrong") is None
    assert accounts.authenticate("bob", "secret") is None


def test_no_file_means_no_user(accounts, path):
    assert accounts.users() == []
    assert accounts.authenticate("ann", "secret") is None
    assert not path.exists()


def test_users_are_listed_by_name_with_their_roles(accounts):
    accounts.add("bob", "secret", [EVENT_ADMIN, EVENT_READ, EVENT_READ])
    accounts.add("ann", "secret", (role for role in READER))
    assert accounts.users() == [ANN, User("bob", frozenset([EVENT_READ, EVENT_ADMIN]))]


def test_a_removed_user_is_unknown_at_once_and_can_be_added_again(accounts):
    accounts.add("ann", "secret", READER)
    accounts.add("bob", "secret", READER)
    accounts.authenticate("ann", "secret")
    accounts.remove("ann")
    assert accounts.authenticate("ann", "secret") is None
    assert accounts.authenticate("bob", "secret")
    accounts.add("ann", "other", [ADMIN])
    assert accounts.authenticate("ann", "other") == User("ann", frozenset([ADMIN]))


def test_another_password_replaces_the_first_and_keeps_the_roles(accounts):
    accounts.add("ann", "secret", READER)
    accounts.authenticate("ann", "secret")
    accounts.set_password("ann", "other")
    assert accounts.authenticate("ann", "secret") is None
    assert accounts.authenticate("ann", "other") == ANN


def test_what_names_no_user_is_refused(accounts, path):
    accounts.add("ann", "secret", READER)
    before = path.read_bytes()
    for change in (lambda: accounts.remove("bob"), lambda: accounts.set_password("bob", "secret")):
        with pytest.raises(AccountsProblem, match="no user bob"):
            change()
    with pytest.raises(AccountsProblem, match="a user ann already"):
        accounts.add("ann", "other", READER)
    assert path.read_bytes() == before
    assert accounts.authenticate("ann", "secret")


@pytest.mark.parametrize("roles", [[], ["ROLE_EVENT_ALL"], ["event"], [EVENT_READ, "x"], [""]])
def test_unknown_roles_are_refused(accounts, path, roles):
    with pytest.raises(AccountsProblem, match="ROLE_EVENT_READ"):
        accounts.add("ann", "secret", roles)
    assert not path.exists()


@pytest.mark.parametrize("name", ["", "a:b", "t/ann", "a\nb", "a\0", " ann", "ann ", "x" * 65, "\ud800"])
def test_bad_names_are_refused(accounts, path, name):
    with pytest.raises(AccountsProblem, match="name has 1 to 64"):
        accounts.add(name, "secret", READER)
    assert not path.exists()


@pytest.mark.parametrize("name", ["x" * 64, "ann@example.org", "Ännchen", "a b", "日本"])
def test_good_names_are_taken(accounts, name):
    accounts.add(name, "secret", READER)
    assert accounts.authenticate(name, "secret").name == name


@pytest.mark.parametrize("password", ["", "a\nb", "a\0b", "x" * 1025, "\ud800"])
def test_bad_passwords_are_refused(accounts, path, password):
    with pytest.raises(AccountsProblem, match="password is one line"):
        accounts.add("ann", password, READER)
    assert not path.exists()
    accounts.add("ann", "secret", READER)
    with pytest.raises(AccountsProblem, match="password is one line"):
        accounts.set_password("ann", password)
    assert accounts.authenticate("ann", "secret")


@pytest.mark.parametrize("password", ["x", "x" * 1024, "pass:word", " spaces ", "пароль 🙂"])
def test_good_passwords_are_taken(accounts, password):
    accounts.add("ann", password, READER)
    assert accounts.authenticate("ann", password)


class TestTheFile:
    def test_is_for_its_owner_alone_after_every_change(self, accounts, path):
        for change in (
            lambda: accounts.add("ann", "secret", READER),
            lambda: accounts.add("bob", "secret", READER),
            lambda: accounts.set_password("ann", "other"),
            lambda: accounts.remove("bob"),
        ):
            change()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sorted(os.listdir(path.parent)) == ["accounts.json", "accounts.lock"]

    def test_holds_no_password_and_a_salt_for_each_user(self, accounts, path):
        accounts.add("ann", "secret", READER)
        accounts.add("bob", "secret", READER)
        text = path.read_text()
        assert "secret" not in text
        users = json.loads(text)["users"]
        assert users["ann"]["password"]["scheme"] == "scrypt"
        assert users["ann"]["password"]["salt"] != users["bob"]["password"]["salt"]
        assert users["ann"]["password"]["hash"] != users["bob"]["password"]["hash"]

    def test_is_durable_before_its_name_and_its_name_before_the_answer(self, accounts, path, monkeypatch):
        steps, fsync, rename = [], os.fsync, os.rename

        def record_fsync(fd):
            steps.append(("fsync", os.readlink(f"/proc/self/fd/{fd}").rpartition("/")[2][:14]))
            fsync(fd)

        def record_rename(source, target):
            steps.append(("rename", target.name))
            rename(source, target)

        monkeypatch.setattr(os, "fsync", record_fsync)
        monkeypatch.setattr(os, "rename", by_path(record_rename))
        accounts.add("ann", "secret", READER)
        assert steps == [
            ("fsync", "accounts.json"),
            ("rename", "accounts.json"),
            ("fsync", path.parent.name[:14]),
        ]

    @pytest.mark.parametrize(
        "text",
        ["", "rubbish", "[]", "{}", '{"users":[]}', '{"users":{"ann":{}}}', '{"users":{"ann":1}}', "\xff"],
    )
    def test_that_is_damaged_is_told_and_left_alone(self, accounts, path, text):
        path.write_bytes(text.encode("latin-1"))
        for act in (
            accounts.users,
            lambda: accounts.authenticate("ann", "secret"),
            lambda: accounts.add("ann", "secret", READER),
            lambda: accounts.remove("ann"),
        ):
            with pytest.raises(AccountsProblem, match="cannot be understood"):
                act()
        assert path.read_bytes() == text.encode("latin-1")

    @pytest.mark.parametrize(
        "password", ['"secret"', "{}", '{"scheme":"plain"}', "null", '{"scheme":"scrypt","n":3}']
    )
    def test_with_a_damaged_password_lets_nobody_in(self, accounts, path, password):
        path.write_text(f'{{"users":{{"ann":{{"roles":["ROLE_EVENT_READ"],"password":{password}}}}}}}')
        with pytest.raises(AccountsProblem, match=r"password of an account .*is damaged; set it anew"):
            accounts.authenticate("ann", "secret")

    def test_that_is_mended_holds_at_once(self, accounts, path):
        accounts.add("ann", "secret", READER)
        whole = path.read_bytes()
        path.write_bytes(b"rubbish")
        with pytest.raises(AccountsProblem):
            accounts.users()
        path.write_bytes(whole)
        assert accounts.users() == [ANN]

    def test_that_is_removed_ends_its_users(self, accounts, path):
        accounts.add("ann", "secret", READER)
        assert accounts.authenticate("ann", "secret")
        path.unlink()
        assert accounts.authenticate("ann", "secret") is None
        assert accounts.users() == []

    def test_that_is_damaged_and_then_removed_ends_its_users_too(self, accounts, path):
        accounts.add("ann", "secret", READER)
        assert accounts.authenticate("ann", "secret")
        (path.parent / "rubbish").write_bytes(b"rubbish")
        (path.parent / "rubbish").rename(path)
        with pytest.raises(AccountsProblem):
            accounts.users()
        path.unlink()
        assert accounts.authenticate("ann", "secret") is None
        assert accounts.users() == []

    def test_does_not_keep_the_draft_of_a_change_that_was_killed(self, accounts, path):
        # It holds password hashes, and nobody else ever comes to remove it.
        (path.parent / ".accounts.json.0123456789ab").write_text("{}")
        accounts.add("ann", "secret", READER)
        assert sorted(os.listdir(path.parent)) == ["accounts.json", "accounts.lock"]


class TestAChangeByAnother:
    def test_holds_at_once(self, accounts, make_accounts):
        other = make_accounts()
        assert accounts.users() == []
        other.add("ann", "secret", READER)
        assert accounts.authenticate("ann", "secret") == ANN
        other.set_password("ann", "other")
        assert accounts.authenticate("ann", "secret") is None
        assert accounts.authenticate("ann", "other") == ANN
        other.remove("ann")
        assert accounts.authenticate("ann", "other") is None

    def test_of_equal_size_and_time_holds_at_once(self, accounts, make_accounts, path):
        other = make_accounts()
        other.add("ann", "secret", READER)
        assert accounts.authenticate("ann", "secret")
        before = path.stat()
        for password in ("other1", "other2", "other3"):
            other.set_password("ann", password)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert path.stat().st_size == before.st_size
            assert accounts.authenticate("ann", "secret") is None
            assert accounts.authenticate("ann", password)

    def test_in_place_holds_at_once(self, accounts, path):
        # An editor, or `cp` from a backup: the same inode, other bytes.
        accounts.add("ann", "secret", READER)
        assert accounts.authenticate("ann", "secret") == ANN
        path.write_text(path.read_text().replace(EVENT_READ, ADMIN))
        assert accounts.authenticate("ann", "secret").roles == {ADMIN}

    def test_in_another_process_holds_at_once(self, accounts, tmp_path):
        code = (
            "import sys\nfrom pathlib import Path\nfrom c8ybin.accounts import Accounts\n"
            "Accounts(Path(sys.argv[1])).add('ann', 'secret', ['ROLE_EVENT_READ'])\n"
        )
        assert accounts.users() == []
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        assert accounts.authenticate("ann", "secret") == ANN

    def test_at_the_same_time_is_not_lost(self, make_accounts):
        each, gate = [make_accounts() for _ in range(8)], threading.Barrier(8)

        def add(number):
            gate.wait(30)
            each[number].add(f"user{number}", "secret", READER)

        threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [user.name for user in each[0].users()] == [f"user{n}" for n in range(8)]

    @pytest.mark.parametrize("noticed", [False, True])
    def test_while_a_password_is_being_tried_is_not_forgotten(
        self, accounts, make_accounts, monkeypatch, noticed
    ):
        # The old password is verified against the old file; by then it has changed.
        other = make_accounts()
        other.add("ann", "secret", READER)
        verify, done = accounts_module.verify_password, []

        def verify_slowly(password, stored):
            fits = verify(password, stored)
            if not done:
                done.append(True)
                other.set_password("ann", "other")
                if noticed:  # by another request, before this one goes on
                    accounts.users()
            return fits

        monkeypatch.setattr(accounts_module, "verify_password", verify_slowly)
        accounts.authenticate("ann", "secret")
        assert accounts.authenticate("ann", "secret") is None

    def test_that_waits_too_long_gives_up(self, accounts, tmp_path, monkeypatch):
        from c8ybin import fsio

        monkeypatch.setattr("c8ybin.accounts.changes.LOCK_TIMEOUT_S", 0.05)
        fd = fsio.open_lock(tmp_path / "accounts.lock")
        assert fsio.try_lock(fd)
        with pytest.raises(TimeoutError):
            accounts.add("ann", "secret", READER)
        os.close(fd)
        accounts.add("ann", "secret", READER)


class TestAVerifiedPair:
    def test_is_remembered_without_another_hash(self, accounts, tries):
        accounts.add("ann", "secret", READER)
        tries.clear()
        for _ in range(5):
            assert accounts.authenticate("ann", "secret") == ANN
        assert tries == ["secret"]

    def test_is_hashed_once_for_clients_that_come_together(self, accounts, tries, race):
        accounts.add("ann", "secret", READER)
        tries.clear()
        together = 1 + hashing.MOST_ALIKE
        assert race(together, lambda _: accounts.authenticate("ann", "secret")) == [ANN] * together
        assert tries == ["secret"]

    def test_is_forgotten_after_any_change(self, accounts, tries, make_accounts):
        accounts.add("ann", "secret", READER)
        accounts.authenticate("ann", "secret")
        make_accounts().add("bob", "secret", READER)
        tries.clear()
        accounts.authenticate("ann", "secret")
        assert tries == ["secret"]

    def test_is_forgotten_after_minutes(self, accounts, tries, monkeypatch):
        import time

        accounts.add("ann", "secret", READER)
        accounts.authenticate("ann", "secret")
        tries.clear()
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 299)
        accounts.authenticate("ann", "secret")
        assert tries == []
        monkeypatch.setattr(time, "monotonic", lambda: now + 301)
        accounts.authenticate("ann", "secret")
        assert tries == ["secret"]

    def test_is_not_mixed_up_with_another_of_the_same_letters(self, accounts):
        accounts.add("ann", "asecret", READER)
        accounts.add("anna", "x", READER)
        accounts.authenticate("ann", "asecret")
        assert accounts.authenticate("anna", "secret") is None

    def test_is_one_of_a_bounded_number(self, make_accounts, tries):
        accounts = make_accounts(memory=Memory(verified=8))
        for number in range(9):
            accounts.add(f"user{number}", "secret", READER)
        for number in range(9):
            accounts.authenticate(f"user{number}", "secret")
        tries.clear()
        for number in range(1, 9):
            accounts.authenticate(f"user{number}", "secret")
        assert tries == []
        accounts.authenticate("user0", "secret")
        assert tries == ["secret"]

    def test_is_never_one_that_did_not_fit(self, accounts, tries):
        accounts.add("ann", "secret", READER)
        tries.clear()
        for _ in range(2):
            assert accounts.authenticate("ann", "wrong") is None
            assert accounts.authenticate("bob", "wrong") is None
        # An unknown user costs as much as a wrong password, so neither can be told from the time.
        assert tries == ["wrong"] * 4


class TestAccountsOfThisProcessOnly:
    ONLY: ClassVar = {"demo": ("demo", [EVENT_READ])}

    def test_are_known_here_and_never_written(self, make_accounts, path):
        here, elsewhere = make_accounts(only_here=self.ONLY), make_accounts()
        assert here.authenticate("demo", "demo") == User("demo", frozenset(READER))
        assert [user.name for user in here.users()] == ["demo"]
        assert not path.exists()
        here.add("ann", "secret", READER)
        here.set_password("ann", "other")
        assert "demo" not in path.read_text()
        assert [user.name for user in here.users()] == ["ann", "demo"]
        assert [user.name for user in elsewhere.users()] == ["ann"]
        assert elsewhere.authenticate("demo", "demo") is None
        path.unlink()
        assert [user.name for user in here.users()] == ["demo"]

    def test_cannot_be_changed(self, make_accounts, path):
        here = make_accounts(only_here=self.ONLY)
        for change in (lambda: here.remove("demo"), lambda: here.set_password("demo", "other")):
            with pytest.raises(AccountsProblem, match="no user demo"):
                change()
        assert not path.exists()

    def test_win_over_one_of_the_same_name(self, make_accounts):
        make_accounts().add("demo", "file", [ADMIN])
        here = make_accounts(only_here=self.ONLY)
        assert here.authenticate("demo", "demo").roles == set(READER)
        assert here.authenticate("demo", "file") is None

    def test_are_held_to_the_same_rules(self, tmp_path):
        with pytest.raises(AccountsProblem):
            Accounts(tmp_path, only_here={"demo": ("demo", ["x"])})


def test_closing_leaves_no_descriptor(tmp_path):
    before = os.listdir("/proc/self/fd")
    accounts = Accounts(tmp_path)
    accounts.add("ann", "secret", READER)
    accounts.users()
    accounts.add("bob", "secret", READER)
    accounts.users()
    accounts.close()
    accounts.close()
    assert os.listdir("/proc/self/fd") == before


def test_at_most_as_many_hashes_as_cores_run_at_once(monkeypatch):
    import hashlib

    from c8ybin.accounts import passwords

    assert passwords._at_once._value == os.cpu_count()
    running, most, scrypt = [], [], hashlib.scrypt

    def record(password, **more):
        running.append(1)
        most.append(len(running))
        digest = scrypt(password, **more)
        running.pop()
        return digest

    monkeypatch.setattr(hashlib, "scrypt", record)
    monkeypatch.setattr(passwords, "_at_once", threading.BoundedSemaphore(2))
    verify = passwords.verify_password
    threads = [threading.Thread(target=verify, args=("x", passwords.NOBODY)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 8
    assert max(most) <= 2


def test_a_hash_costs_what_it_should():
    from c8ybin.accounts import passwords

    assert (passwords.NOBODY["n"], passwords.NOBODY["r"], passwords.NOBODY["p"]) == (2**14, 8, 1)
