"""Sixteen clients race for one event, over two real servers on one data directory.

The one rule, in every round: there is an order of the requests in which each answer is
the one that the HTTP contract gives to one request at a time, and in which a request that
was answered before another was sent comes before it. Two reads of all there is, when
everything is quiet, are the last of these requests. So what was acknowledged is there, a
change never loses against one that was acknowledged before it began, nothing comes back
after its deletion, and no answer is one that the contract does not know. A download is
held against the bytes of its version, with all its header fields.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from harness import RunningServer
from linearizability import Request
from one_event import (
    BLOCKS,
    DELETE_BINARY,
    DELETE_EVENT,
    DUPLICATE,
    FAILED,
    GET,
    GET_EVENT,
    HEAD,
    TAGS_OF_CHUNKS,
    Action,
    Chunk,
)
from racer import Racer
from racing import CLIENTS, Races, Script
from store_tools import Desk, orphans

BASE = Action("PUT", tag="base")
Race = Callable[..., Iterator[tuple[Action | None, Sequence[Request]]]]

# What the last client deletes in the middle of every third round.
DELETIONS = (None, DELETE_BINARY, DELETE_EVENT)


@pytest.fixture
def race(
    serve: Callable[..., RunningServer],
    quick_root: Path,
    mounts: Sequence[Path],
    full: bool,
    tally: Callable[..., None],
    request: pytest.FixtureRequest,
) -> Race:
    """Return what runs so many rounds of a script, ten times as many for the full counts, and judges them.

    Over hosts these are a third and no more than so many, for a round takes a second there.

    It yields what the last client deleted in the middle of a round, and the requests of the round.
    """

    def run(rounds: int, script: Script, *first: Action) -> Iterator[tuple[Action | None, Sequence[Request]]]:
        servers = [serve("--demo", data=quick_root) for _ in range(2)]
        with closing(Races(servers)) as races:
            if mounts:
                count = rounds if full else max(rounds // 3, len(DELETIONS))
            else:
                count = rounds * 10 if full else rounds
            for number in range(count):
                deletion = DELETIONS[number % len(DELETIONS)]
                seed = f"{request.node.name} {number}"
                last = deleting(deletion) if deletion else script
                yield deletion, races.run(seed, script, first=first, last=last)
        assert [server.stop() for server in servers] == [0, 0]
        # Whoever was overtaken by the end of the event may have left its folder for a look.
        with Desk(quick_root) as desk:
            desk.sweep()
        found = {"lost": races.lost, "mixed": races.mixed, "orphans": orphans(quick_root)}
        counts = {name: len(texts) for name, texts in found.items()}
        tally(f"Races of {CLIENTS} clients", rounds=races.rounds, requests=races.requests, **counts)
        for texts in found.values():
            assert not texts, texts[0]

    return run


def deleting(deletion: Action) -> Script:
    """Return what deletes in the middle, after a few looks."""

    def script(racer: Racer) -> None:
        for _ in range(racer.chance.randrange(4)):
            racer.ask(GET_EVENT)
        racer.ask(deletion)

    return script


def test_of_racing_posts_one_wins(race: Race) -> None:
    def script(racer: Racer) -> None:
        racer.ask(Action("POST", tag=f"p{racer.number}"), form=racer.chance.random() < 0.5)
        racer.ask(GET)
        racer.ask(GET_EVENT)

    for deletion, history in race(15, script):
        if not deletion:
            answers = [request.answer for request in history if request.action.tag]
            assert answers.count(DUPLICATE) == CLIENTS - 1


@pytest.mark.parametrize("first", [[], [BASE]], ids=["", "over a binary"])
def test_a_get_among_racing_puts_is_one_version_whole(race: Race, first: list[Action]) -> None:
    def script(racer: Racer) -> None:
        for number in range(4):
            read(racer)
            if racer.chance.random() < 0.6:
                racer.ask(Action("PUT", tag=f"r{racer.number}-{number}"), form=racer.chance.random() < 0.3)

    for _ in race(9, script, *first):
        pass


def read(racer: Racer) -> None:
    """Download in one of all the ways."""
    status, version = racer.ask(racer.chance.choice([GET, GET, HEAD, Action("GET", part=True)]))
    if status == 404 or racer.chance.random() < 0.5:
        return
    conditions = [
        Action("GET", none_match=version),
        Action("GET", part=True, if_range=version),
        Action("HEAD", none_match=version),
        Action("GET", part=True, none_match=version),
    ]
    racer.ask(racer.chance.choice(conditions), racer.etag)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_chunks_in_any_order_and_twice_make_one_file(race: Race, method: str) -> None:
    def script(racer: Racer) -> None:
        # The chunk that comes twice comes from everybody else too.
        numbers = [*range(BLOCKS), racer.chance.randrange(BLOCKS)]
        racer.chance.shuffle(numbers)
        for number in numbers:
            racer.ask(Action(method, chunk=Chunk("a", number, told=racer.chance.random() < 0.5)))
            racer.ask(GET_EVENT if racer.chance.random() < 0.7 else GET)

    for deletion, history in race(6, script):
        if method == "POST" and not deletion:
            completed = {r.action for r in history if r.action.chunk and r.answer[0] == 201}
            assert len(completed) == 1, "only the completing chunk may be repeated"


@pytest.mark.parametrize("first", [[], [BASE]], ids=["", "over a binary"])
def test_chunks_of_rival_files_are_refused_or_begin_anew(race: Race, first: list[Action]) -> None:
    def script(racer: Racer) -> None:
        tag, method = (
            TAGS_OF_CHUNKS[racer.number % 4],
            "PUT" if first else racer.chance.choice(["POST", "PUT"]),
        )
        for number in racer.chance.sample(range(BLOCKS), BLOCKS):
            racer.ask(Action(method, chunk=Chunk(tag, number)))
            racer.ask(GET if racer.chance.random() < 0.5 else GET_EVENT)

    for _ in race(6, script, *first):
        pass


def test_everything_at_once_can_be_told_one_after_the_other(race: Race) -> None:
    def script(racer: Racer) -> None:
        tag = TAGS_OF_CHUNKS[racer.number % 4]
        for number in racer.chance.sample(range(BLOCKS), BLOCKS):
            method = racer.chance.choice(["POST", "PUT"])
            racer.ask(
                racer.chance.choice(
                    [
                        Action(method, tag=f"e{racer.number}-{number}"),
                        Action(method, chunk=Chunk(tag, number, told=racer.chance.random() < 0.5)),
                        Action("PUT", binary=False, count=100 * racer.number + number + 1),
                        DELETE_BINARY,
                    ]
                )
            )
            racer.ask(GET if racer.chance.random() < 0.5 else GET_EVENT)

    for _ in race(6, script):
        pass


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "event"])
def test_no_increment_under_if_match_is_lost(race: Race, binary: bool) -> None:
    def script(racer: Racer) -> None:
        answer = FAILED
        while answer == FAILED:
            status, seen = racer.ask(GET if binary else GET_EVENT)
            if status == 404:
                return
            answer = racer.ask(increment(racer, seen), racer.etag)

    def increment(racer: Racer, seen: Any) -> Action:
        if not binary:
            return Action("PUT", binary=False, count=seen.count + 1, match=seen)
        present = int(seen[0].partition("-")[0])
        return Action("PUT", tag=f"{present + 1}-{racer.number}", match=seen)

    for deletion, history in race(6, script, Action("PUT", tag="0-")):
        if not deletion:
            sent = [r for r in history if r.action.match is not None and r.answer[0] in (200, 201)]
            counts = [int(r.action.tag.partition("-")[0]) if binary else r.action.count for r in sent]
            assert sorted(counts) == list(range(1, CLIENTS + 1))
