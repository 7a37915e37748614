"""Lists are fresh: a change is in the very next list of any process, whatever folds or dies meanwhile."""

import threading
from itertools import count
from random import Random

import pytest
from brute_force import TIMES, all_facts, check_lists, expected, listed
from store_tools import Desk

from c8ybin.domain.queries import Paging, Query
from c8ybin.index import entry_of

EVERYTHING = Query(), Paging(2000, with_total_elements=True)
OTHER = """
with Desk(Path(sys.argv[1])) as desk:
    say("ready")
    for line in sys.stdin:
        what, _, event_id = line.strip().partition(" ")
        if what == "create":
            say(desk.create(a="x"))
        elif what == "delete":
            desk.delete(int(event_id))
            say("gone")
        elif what == "attach":
            desk.attach(int(event_id), b"bytes")
            say("attached")
        elif what == "fold":
            say(desk.disk.index.fold())
        else:
            query = Query(fragment_type=event_id or None)
            page = desk.store.listing.find(query, Paging(2000, with_total_elements=True))
            say(f"{page.total} " + ",".join(str(event.id) for event in page.events))
"""
IMPORTS = "from c8ybin.domain.queries import Paging, Query\n"


@pytest.fixture()
def root(quick_root):
    return quick_root


@pytest.fixture()
def start_other(start):
    """Return a starter of another process that does what it is asked."""

    def begin():
        child = start(IMPORTS + OTHER)
        assert child.hear() == "ready"

        def ask(what):
            child.process.stdin.write(f"{what}\n")
            child.process.stdin.flush()
            return child.hear()

        return ask

    return begin


def test_a_change_of_one_process_is_in_the_next_list_of_another(root, start_other):
    ask = start_other()
    random = Random(3)
    with Desk(root) as desk:
        there = []
        for number in range(60):
            if number % 3 == 2 and there:
                gone = there.pop(random.randrange(len(there)))
                desk.delete(gone) if number % 2 else ask(f"delete {gone}")
            else:
                made = desk.create(a="x") if number % 2 else int(ask("create"))
                there.append(made)
            told = ask("list")
            assert told.partition(" ")[0] == str(len(there))
            assert sorted(map(int, told.partition(" ")[2].split(","))) == sorted(there)
            assert listed(desk, *EVERYTHING) == expected(all_facts(desk), *EVERYTHING)
            if number % 20 == 19:
                ask("fold")


def test_an_attachment_of_one_process_is_in_the_next_list_of_another(root, start_other):
    ask = start_other()
    with Desk(root) as desk:
        ids = [desk.create() for _ in range(3)]
        assert ask("list c8y_IsBinary") == "0 "
        desk.attach(ids[0], b"bytes")
        assert ask("list c8y_IsBinary") == f"1 {ids[0]}"
        ask(f"attach {ids[1]}")
        assert sorted(listed(desk, Query(fragment_type="c8y_IsBinary"), Paging()).ids) == sorted(ids[:2])
        desk.drop(ids[0])
        assert ask("list c8y_IsBinary") == f"1 {ids[1]}"
        ask(f"delete {ids[1]}")
        assert listed(desk, Query(fragment_type="c8y_IsBinary"), Paging()).ids == []


@pytest.mark.parametrize("folded", [True, False])
def test_each_kind_of_change_is_in_the_next_list_of_both(root, folded, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    with Desk(root) as one, Desk(root) as other:
        event_id, second = one.create(), one.create()
        for change in (
            lambda: one.chunk(event_id, "0-1/4", b"ab"),
            lambda: other.chunk(event_id, "2-3/4", b"cd"),
            lambda: one.update(event_id, a="x"),
            lambda: other.chunk(event_id, "0-1/4", b"xy", put=True),
            lambda: one.drop(event_id),
            lambda: other.chunk(event_id, "0-3/4", b"abcd"),
            lambda: one.replace(event_id, b"other"),
            lambda: other.chunk(event_id, "0-3/4", b"abcd", put=True),
            lambda: one.chunk(second, "0-1/4", b"ab"),
            lambda: other.drop(second),
            lambda: one.chunk(second, "0-1/4", b"ab"),
            lambda: other.attach(second, b"whole"),
            lambda: one.delete(event_id),
        ):
            change()
            for desk in (one, other):
                check_lists(desk, Random(1), 0)
                for fragment in ("a", "c8y_IsBinary", "c8y_IsIncompleteBinary"):
                    question = Query(fragment_type=fragment), EVERYTHING[1]
                    assert listed(desk, *question) == expected(all_facts(desk), *question)
                facts = all_facts(desk)
                latest = max(event.updated for event in facts)
                question = Query(updated_from=latest), EVERYTHING[1]
                assert listed(desk, *question) == expected(facts, *question)
            if folded:
                one.disk.index.fold()


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_what_is_no_match_any_more_when_it_is_read_is_not_shown(root, change, monkeypatch):
    with Desk(root) as desk, Desk(root) as other:
        event_id, lasting = desk.create(a="x"), desk.create(a="x")
        query = Query(fragment_type="a", fragment_value="x")
        find, ids = desk.disk.index.find, desk.disk.index.ids

        def overtaken(ask):
            def asked(*arguments):
                found = ask(*arguments)
                if other.home(event_id).exists():
                    other.delete(event_id) if change == "deleted" else other.update(event_id, a="y")
                return found

            return asked

        monkeypatch.setattr(desk.disk.index, "find", overtaken(find))
        assert listed(desk, query, Paging(2)).ids == [lasting]
        event_id = other.create(a="x")
        monkeypatch.setattr(desk.disk.index, "ids", overtaken(ids))
        assert list(desk.store.listing.ids(query)) == [lasting]


KILLS = {
    "a creation": "desk.create(a='z')",
    "an update": "desk.update(event_id, a='z')",
    "an attachment": "desk.attach(event_id, b'bytes')",
    "a replacement": "desk.replace(event_id, b'bytes')",
    "a binary's deletion": "desk.drop(with_binary)",
    "a chunk": "desk.chunk(event_id, '0-1/4', b'ab')",
    "a deletion": "desk.delete(event_id)",
}


@pytest.mark.parametrize("what", KILLS)
@pytest.mark.parametrize(("folded", "by"), [(True, "a sweep"), (False, "a new process")])
def test_a_process_killed_between_a_change_and_its_line_is_told_for(
    root, start, what, folded, by, monkeypatch
):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    with Desk(root) as desk:
        event_id, with_binary = desk.create(), desk.create()
        desk.attach(with_binary, b"first")
        check_lists(desk, Random(1), 5)
        if folded:
            desk.disk.index.fold()
        child = start(
            "import signal\n"
            "desk = Desk(Path(sys.argv[1]))\n"
            "event_id, with_binary = map(int, sys.argv[2:])\n"
            "def die(line): os.kill(os.getpid(), signal.SIGKILL)\n"
            "desk.disk.index._log.append = die\n"
            f"{KILLS[what]}\n"
            "say('still alive')\n",
            event_id,
            with_binary,
        )
        assert child.hear() == ""
        assert child.end() == -9
        if by == "a sweep":
            assert desk.sweep() == 1
            check_lists(desk, Random(1), 40)
        else:
            with Desk(root) as fresh:
                check_lists(fresh, Random(1), 40)


@pytest.mark.parametrize("how", ["fold", "reindex"])
def test_lists_are_right_while_others_fold_and_make_anew(root, how, monkeypatch):
    monkeypatch.setattr("c8ybin.index.index.FOLD_AT", 2)
    for module in ("column", "table"):
        monkeypatch.setattr(f"c8ybin.index.{module}.MOST_ROWS", 6)
        monkeypatch.setattr(f"c8ybin.index.{module}.CUT_ROWS", 4)
    wrong, ended = [], threading.Event()
    with Desk(root) as desk, Desk(root) as folder, Desk(root) as reader:
        for time in TIMES:
            desk.create(time=time)
        lasting = sorted(event_id for event_id, _ in desk.layout.walk())
        answers = count()

        def read():
            while not ended.is_set():
                try:
                    answer = listed(reader, *EVERYTHING)
                    if not set(lasting) <= set(answer.ids):
                        wrong.append(answer)
                except Exception as error:
                    wrong.append(error)
                next(answers)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(25):
            event_id = desk.create(time=TIMES[number % len(TIMES)])
            assert event_id in listed(reader, *EVERYTHING).ids
            if how == "fold":
                folder.disk.index.fold()
            else:
                folder.disk.index.reindex(map(entry_of, folder.disk.facts()))
            assert event_id in listed(desk, *EVERYTHING).ids
            desk.delete(event_id)
            assert event_id not in listed(reader, *EVERYTHING).ids
        ended.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert next(answers) > 10
        for each in (desk, folder, reader):
            check_lists(each, Random(1), 20)
