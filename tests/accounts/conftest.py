"""Accounts in a directory of their own, and a count of the slow hashes."""

import pytest

from c8ybin.accounts import Accounts, passwords


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Make a hash cost a sixteenth; how it is stored and read stays the same."""
    monkeypatch.setitem(passwords._COST, "n", 2**10)


@pytest.fixture()
def make_accounts(tmp_path):
    """Return a maker of accounts over one directory, each as another process would have them."""
    made = []

    def make(**more):
        made.append(Accounts(tmp_path, **more))
        return made[-1]

    yield make
    for accounts in made:
        accounts.close()


@pytest.fixture()
def accounts(make_accounts):
    return make_accounts()


@pytest.fixture()
def tries(monkeypatch):
    """The passwords that were hashed; they are hashed, too."""
    done, scrypt = [], passwords._scrypt

    def record(password, salt, cost):
        done.append(password)
        return scrypt(password, salt, cost)

    monkeypatch.setattr(passwords, "_scrypt", record)
    return done
