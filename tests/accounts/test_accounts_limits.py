"""Tokens, limits, disabled users and those without a password: changed, kept in the file, and asked for."""

import json

import pytest

from c8ybin.accounts import ADMIN, EVENT_ADMIN, EVENT_READ, AccountsProblem, User, tokens

BOTH = [EVENT_READ, EVENT_ADMIN]
ANN = User("ann", frozenset(BOTH))


@pytest.fixture()
def ann(accounts):
    accounts.add("ann", "secret", BOTH)
    return accounts


class TestAToken:
    def test_lets_its_user_in_without_a_hash(self, ann, tries):
        tries.clear()
        made = ann.changes.add_token("ann")
        assert ann.of_token(made.text) == ANN
        assert tries == []

    def test_is_recognised_and_has_256_random_bits(self, ann):
        first, second = (ann.changes.add_token("ann") for _ in range(2))
        prefix, token_id, secret = first.text.split("_", 2)
        assert (prefix, token_id, len(secret) * 6 >= 256) == ("c8y", first.id, True)
        assert first.id != second.id
        assert not set(first.text.split("_", 2)) & {second.id, second.text.split("_", 2)[2]}

    def test_is_kept_as_a_hash_alone(self, ann, tmp_path):
        made = ann.changes.add_token("ann", label="pump 7")
        text = (tmp_path / "accounts.json").read_text()
        assert made.text.split("_", 2)[2] not in text
        assert made.id in text
        assert "pump 7" in text

    def test_that_is_not_exactly_it_lets_nobody_in(self, ann):
        made, other = ann.changes.add_token("ann"), ann.changes.add_token("ann")
        swapped = made.text.replace(made.id, other.id)
        for text in (
            "", "c8y", "c8y_", f"c8y_{made.id}", f"c8y_{made.id}_", made.text[:-1], f"{made.text}x", swapped,
            made.text.upper(), f"x{made.text}", made.text.replace("c8y_", "c8x_"), made.text + "\udcff",
        ):  # fmt: skip
            assert ann.of_token(text) is None, text
        assert ann.of_token(made.text)

    def test_that_is_unknown_is_compared_all_the_same(self, ann, monkeypatch):
        compared = []
        compare = tokens.compare_digest
        monkeypatch.setattr(
            tokens, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or compare(a, b)
        )
        ann.of_token("c8y_0000000000_x")
        ann.of_token(ann.changes.add_token("ann").text)
        ann.of_token("nonsense")
        assert compared == [(64, 64)] * 3

    def test_has_at_most_the_roles_of_its_user(self, ann):
        reading = ann.changes.add_token("ann", roles=[EVENT_READ])
        everything = ann.changes.add_token("ann")
        assert ann.of_token(reading.text).roles == {EVENT_READ}
        with pytest.raises(AccountsProblem, match="ann has no ROLE_ADMIN"):
            ann.changes.add_token("ann", roles=[EVENT_READ, ADMIN])
        ann.changes.change("ann", roles=[EVENT_ADMIN])
        assert ann.of_token(reading.text).roles == set()
        assert ann.of_token(everything.text).roles == {EVENT_ADMIN}
        ann.changes.change("ann", roles=[ADMIN, EVENT_READ])
        assert ann.of_token(reading.text).roles == {EVENT_READ}
        assert ann.of_token(everything.text).roles == {ADMIN, EVENT_READ}

    def test_ends_with_its_time(self, ann, monkeypatch):
        now = tokens.now_ms()
        made = ann.changes.add_token("ann", expires=now + 60_000)
        assert ann.of_token(made.text)
        monkeypatch.setattr(tokens, "now_ms", lambda: now + 60_000)
        assert ann.of_token(made.text) is None

    def test_ends_with_its_user_or_when_that_is_disabled(self, ann):
        made = ann.changes.add_token("ann")
        ann.changes.disable("ann")
        assert ann.of_token(made.text) is None
        ann.changes.enable("ann")
        assert ann.of_token(made.text) == ANN
        ann.remove("ann")
        assert ann.of_token(made.text) is None
        ann.add("ann", "secret", BOTH)
        assert ann.of_token(made.text) is None

    def test_that_is_revoked_ends_at_once_for_all(self, ann, make_accounts):
        made, other = ann.changes.add_token("ann"), ann.changes.add_token("ann")
        assert ann.of_token(made.text)
        assert make_accounts().changes.remove_token(made.id) == "ann"
        assert ann.of_token(made.text) is None
        assert ann.of_token(other.text)
        with pytest.raises(AccountsProblem, match=f"no token {made.id}"):
            ann.changes.remove_token(made.id)

    def test_outlasts_another_password_and_another_name(self, ann):
        made = ann.changes.add_token("ann")
        ann.set_password("ann", "other")
        ann.changes.rename("ann", "bea")
        assert ann.of_token(made.text) == User("bea", ANN.roles)

    @pytest.mark.parametrize("label", ["a\nb", "x" * 65, "\0"])
    def test_has_a_name_of_one_line(self, ann, label):
        with pytest.raises(AccountsProblem, match="one line"):
            ann.changes.add_token("ann", label=label)


class TestADisabledUser:
    def test_is_let_in_no_more_at_once_although_it_was_verified(self, ann):
        assert ann.authenticate("ann", "secret") == ANN
        ann.changes.disable("ann")
        assert ann.authenticate("ann", "secret") is None
        assert ann.user("ann") is None
        ann.changes.enable("ann")
        assert ann.authenticate("ann", "secret") == ANN
        assert ann.user("ann") == ANN

    def test_costs_one_hash_as_do_the_unknown_and_those_without_a_password(self, ann, tries):
        ann.changes.disable("ann")
        ann.changes.add("bob", None, BOTH)
        ann.add("eve", "other", BOTH)
        for name in ("ann", "bob", "eve", "nobody"):
            for password in ("secret", "wrong"):
                tries.clear()
                assert ann.authenticate(name, password) is None
                assert tries == [password], name


class TestAUserWithoutAPassword:
    def test_comes_in_by_tokens_alone(self, accounts):
        accounts.changes.add("ann", None, BOTH)
        assert accounts.authenticate("ann", "") is None
        assert accounts.of_token(accounts.changes.add_token("ann").text) == ANN
        accounts.set_password("ann", "secret")
        assert accounts.authenticate("ann", "secret") == ANN


class TestARename:
    def test_keeps_the_password_and_leaves_no_old_name(self, ann):
        assert ann.authenticate("ann", "secret")
        ann.changes.rename("ann", "bea")
        assert ann.authenticate("ann", "secret") is None
        assert ann.authenticate("bea", "secret") == User("bea", ANN.roles)

    def test_to_a_name_that_is_taken_or_bad_is_refused(self, ann):
        ann.add("bob", "secret", BOTH)
        for new, says in (("bob", "a user bob already"), ("a:b", "colon"), ("ann", "a user ann already")):
            with pytest.raises(AccountsProblem, match=says):
                ann.changes.rename("ann", new)
        with pytest.raises(AccountsProblem, match="no user eve"):
            ann.changes.rename("eve", "new")


class TestTheLastAdmin:
    @pytest.fixture()
    def root(self, accounts):
        accounts.add("root", "secret", [ADMIN])
        accounts.add("ann", "secret", BOTH)
        return accounts

    @pytest.mark.parametrize(
        "change",
        [
            lambda changes, **force: changes.remove("root", **force),
            lambda changes, **force: changes.disable("root", **force),
            lambda changes, **force: changes.change("root", roles=BOTH, **force),
        ],
    )
    def test_goes_only_by_force_or_beside_another_one(self, root, tmp_path, change):
        before = (tmp_path / "accounts.json").read_bytes()
        with pytest.raises(AccountsProblem, match="--force"):
            change(root.changes, force=False)
        assert (tmp_path / "accounts.json").read_bytes() == before
        root.add("other", "secret", [ADMIN])
        root.changes.disable("other")
        with pytest.raises(AccountsProblem, match="--force"):
            change(root.changes, force=False)
        root.changes.enable("other")
        change(root.changes, force=False)
        root.changes.remove("other", force=True)

    def test_is_not_asked_for_where_there_is_none(self, accounts):
        accounts.add("ann", "secret", BOTH)
        accounts.changes.remove("ann", force=False)
        assert accounts.users() == []


class TestLimits:
    def test_are_told_with_the_user_however_it_comes_in(self, accounts):
        limits = {"sources": frozenset(["1001", "1002"]), "quota": 1024, "max_events": 7}
        accounts.changes.add("ann", "secret", BOTH, **limits)
        wanted = User("ann", ANN.roles, **limits)
        assert accounts.authenticate("ann", "secret") == wanted
        assert accounts.authenticate("ann", "secret") == wanted
        assert accounts.of_token(accounts.changes.add_token("ann").text) == wanted
        assert accounts.users() == [wanted]

    def test_are_changed_one_by_one_and_lifted(self, accounts):
        accounts.changes.add("ann", "secret", BOTH, sources=["1001"], quota=5)
        accounts.changes.change("ann", quota=6)
        assert accounts.users() == [User("ann", ANN.roles, frozenset(["1001"]), 6)]
        accounts.changes.change("ann", quota=None, max_events=3)
        assert accounts.users() == [User("ann", ANN.roles, frozenset(["1001"]), None, 3)]
        accounts.changes.change("ann", sources=None, max_events=None)
        assert accounts.users() == [ANN]

    @pytest.mark.parametrize("sources", [[], [""], ["1001", ""]])
    def test_have_sources_that_are_some(self, accounts, sources):
        with pytest.raises(AccountsProblem, match="Sources are"):
            accounts.changes.add("ann", "secret", BOTH, sources=sources)


class TestTheFile:
    def test_of_the_first_version_is_read_and_becomes_one_of_this(self, accounts, tmp_path):
        accounts.add("ann", "secret", BOTH)
        path = tmp_path / "accounts.json"
        users = json.loads(path.read_text())["users"]
        assert set(users["ann"]) == {"roles", "password"}
        path.write_text(json.dumps({"users": users}))
        assert accounts.authenticate("ann", "secret") == ANN
        accounts.changes.disable("ann")
        assert json.loads(path.read_text())["version"] == 2
        accounts.changes.enable("ann")
        assert accounts.authenticate("ann", "secret") == ANN

    def test_of_a_newer_version_is_told_and_left_alone(self, accounts, tmp_path):
        path = tmp_path / "accounts.json"
        path.write_text('{"version": 3, "users": []}')
        for act in (accounts.users, lambda: accounts.add("ann", "secret", BOTH)):
            with pytest.raises(AccountsProblem, match="newer c8ybin"):
                act()
        assert path.read_text() == '{"version": 3, "users": []}'

    @pytest.mark.parametrize(
        "record",
        [
            '{"roles": "x"}', '{"roles": [1]}', '{"roles": [], "disabled": 1}', '{"roles": [], "sources": "1001"}',
            '{"roles": [], "sources": [1001]}', '{"roles": [], "quota": "1"}', '{"roles": [], "quota": -1}',
            '{"roles": [], "quota": true}', '{"roles": [], "maxEvents": 1.5}', '{"roles": [], "tokens": []}',
            '{"roles": [], "tokens": {"a": {}}}', '{"roles": [], "tokens": {"a": {"sha256": "x", "created": "y"}}}',
            '{"roles": [], "tokens": {"a": {"sha256": "x", "created": 1, "expires": "never"}}}', "[]", "1",
        ],
    )  # fmt: skip
    def test_with_a_record_that_is_none_is_one_sentence(self, accounts, tmp_path, record):
        (tmp_path / "accounts.json").write_text(f'{{"version": 2, "users": {{"ann": {record}}}}}')
        with pytest.raises(AccountsProblem, match="cannot be understood"):
            accounts.users()

    @pytest.mark.parametrize("version", ["0", "true", '"2"', "null", "1.5"])
    def test_of_no_version_that_there_is_is_damaged(self, accounts, tmp_path, version):
        (tmp_path / "accounts.json").write_text(f'{{"version": {version}, "users": {{}}}}')
        with pytest.raises(AccountsProblem, match="cannot be understood"):
            accounts.users()
