"""One event as a server with one request at a time would serve it: what each answer has to be.

Written from the HTTP contract, in the terms of the races: contents are called by tags,
from which their bytes, media types and names follow.
"""

import hashlib
from collections.abc import Collection, Hashable, Iterable, Set
from dataclasses import dataclass, fields
from itertools import groupby
from typing import NamedTuple

from linearizability import Request

BLOCK_BYTES = 400
BLOCKS = 4  # of a file that is sent in chunks
TAGS_OF_CHUNKS = "abcd"
LEAST_BYTES = 1000  # of a file that is sent whole

# A content: the tag of its media type and name, and for one that came in chunks that of each chunk.
Version = tuple[str, ...]
Answer = tuple[int, object]

EVENT_GONE: Answer = (404, "event/Not Found")
NO_BINARY: Answer = (404, "Not Found")
DUPLICATE: Answer = (409, "Duplicate")
CONFLICT: Answer = (409, "general/Conflict")
FAILED: Answer = (412, "general/Precondition Failed")


def whole(tag: str) -> bytes:
    """The bytes of a file that is sent whole; lengths differ."""
    number = int.from_bytes(hashlib.sha256(tag.encode()).digest()[:2], "big")
    return hashlib.shake_256(tag.encode()).digest(
        LEAST_BYTES + (number if number % 4 == 0 else number % 1000)
    )


def block(tag: str, number: int) -> bytes:
    """The bytes of a chunk."""
    return hashlib.shake_256(f"{tag}/{number}".encode()).digest(BLOCK_BYTES)


def content(version: Version) -> bytes:
    """The bytes of a version."""
    tag, *blocks = version
    return b"".join(block(t, number) for number, t in enumerate(blocks)) if blocks else whole(tag)


class Chunk(NamedTuple):
    """A part of a file: whose, which, and whether it tells the file's length."""

    tag: str
    number: int
    told: bool = True


class Shown(NamedTuple):
    """What an event shows: its count, tag and length of its binary, what has arrived of an upload."""

    count: int
    binary: tuple[str, int] | None
    upload: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """A request.

    Attributes:
        method: As in HTTP.
        binary: Whether it is for the binary, and not for the event.
        tag: The file that is sent whole.
        chunk: The chunk that is sent.
        count: What an event is to count.
        match: The version, or for an event what it showed, that If-Match asks for.
        none_match: The version that If-None-Match asks for.
        part: Whether Range asks for a part.
        if_range: The version that If-Range asks for.
    """

    method: str
    binary: bool = True
    tag: str | None = None
    chunk: Chunk | None = None
    count: int | None = None
    match: Version | Shown | None = None
    none_match: Version | None = None
    part: bool = False
    if_range: Version | None = None

    def __str__(self) -> str:
        told = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        what = " ".join(f"{name}={value}" for name, value in told.items() if value not in (None, False))
        return f"{self.method} {'binary' if self.binary else 'event'} {what}".strip()


class State(NamedTuple):
    """An event.

    Attributes:
        exists: Whether it does.
        count: A number in it, which clients bring forward.
        binary: Its binary.
        upload: The tags of the chunks that have arrived, None for those that have not.
        label: The tag of the chunk that began the upload.
        told: Whether a chunk told the length.
        completed: Method and chunk that completed the binary.
    """

    exists: bool = True
    count: int = 0
    binary: Version | None = None
    upload: tuple[str | None, ...] | None = None
    label: str = ""
    told: bool = False
    completed: tuple[str, Chunk] | None = None

    def holding(self, version: Version | None, completed: tuple[str, Chunk] | None = None) -> "State":
        """Return it with another binary, which ends an upload."""
        return State(count=self.count, binary=version, completed=completed)

    def arrived(self) -> str:
        """Write what has arrived as the fragment does: `0-399,800-1199/*`."""
        runs = groupby(enumerate(self.upload or ()), key=lambda item: item[1] is not None)
        numbers = [[number for number, _ in run] for there, run in runs if there]
        spans = [f"{run[0] * BLOCK_BYTES}-{(run[-1] + 1) * BLOCK_BYTES - 1}" for run in numbers]
        return f"{','.join(spans)}/{BLOCKS * BLOCK_BYTES if self.told else '*'}"


def answer(state: State, action: Action) -> tuple[Answer, State]:
    """Return what the answer has to be, and the state after it."""
    if not state.exists:
        return EVENT_GONE, state
    if not action.binary:
        return _answer_event(state, action)
    if action.match is not None and action.match != state.binary:
        return FAILED, state
    if action.chunk:
        return _answer_chunk(state, action.method, action.chunk)
    if action.method == "DELETE":
        return ((204, None), state.holding(None)) if state.binary or state.upload else (NO_BINARY, state)
    if action.tag:
        if action.method == "POST" and state.binary:
            return DUPLICATE, state
        return (201, action.tag), state.holding((action.tag,))
    if state.binary is None:
        return NO_BINARY, state
    if action.none_match == state.binary:
        return (304, state.binary), state
    partial = action.part and action.if_range in (None, state.binary)
    return (206 if partial else 200, state.binary), state


def _answer_event(state: State, action: Action) -> tuple[Answer, State]:
    if action.method == "DELETE":
        return (204, None), State(exists=False)
    binary = (state.binary[0], len(content(state.binary))) if state.binary else None
    shown = Shown(state.count, binary, state.arrived() if state.upload else None)
    if action.count is None:
        return (200, shown), state
    if action.match not in (None, shown):
        return FAILED, state
    return (200, action.count), state._replace(count=action.count)


def _answer_chunk(state: State, method: str, chunk: Chunk) -> tuple[Answer, State]:
    if state.binary:
        # Its answer may have been lost; of a replacement that is under way it would be another part.
        if state.completed == (method, chunk) and (method == "POST" or not state.upload):
            return (201, state.binary[0]), state
        if method == "POST":
            return DUPLICATE, state
    there = state.upload and state.upload[chunk.number]
    if there not in (None, chunk.tag) and chunk.number:
        return CONFLICT, state
    if state.upload is None or there not in (None, chunk.tag):
        state = state._replace(upload=(None,) * BLOCKS, label=chunk.tag, told=False)
    arrived = list(state.upload or ())
    arrived[chunk.number] = chunk.tag
    state = state._replace(upload=tuple(arrived), told=state.told or chunk.told)
    if state.told and None not in arrived:
        return (201, state.label), state.holding((state.label, *filter(None, arrived)), (method, chunk))
    return (200, state.arrived()), state


class OneEvent:
    """Decides which answers to requests that raced can be explained.

    A change that meets the deletion of its event may show for a moment and then be
    answered 404: it is not acknowledged, and the event is gone.
    """

    def __init__(self, history: Iterable[Request]) -> None:
        deletions = [r.began for r in history if r.action == DELETE_EVENT and r.answer[0] == 204]
        self._deletion_began = min(deletions, default=None)

    def outcomes(self, state: State, request: Request) -> Collection[State]:
        """Return the states that the request may leave behind, given its answer."""
        expected, after = answer(state, request.action)
        if request.action.method == "HEAD" and expected[0] == 404:
            expected = (404, None)  # no body says what is missing
        deleted_meanwhile = self._deletion_began is not None and self._deletion_began <= request.ended
        if request.answer == expected or (
            request.answer == EVENT_GONE and after != state and deleted_meanwhile
        ):
            return [after]
        return []

    def facts(self, state: State) -> Set[Hashable]:
        """Return the count and the file of an event that were never before: no two requests send the same."""
        return _facts(state.count, state.binary)

    def witnessed(self, request: Request) -> Set[Hashable]:
        """Return which of these an answer tells."""
        action, (status, told) = request.action, request.answer
        if isinstance(told, Shown):
            return _facts(told.count, told.binary and told.binary[:1])
        if status < 400 and action.match is not None:
            return _facts(None, action.match) if action.binary else {action.match.count}
        return _facts(None, told) if action.method == "GET" and isinstance(told, tuple) else set()


def _facts(count: object, version: object) -> Set[Hashable]:
    # Files that came in chunks are made of the same few tags again and again.
    whole_file = isinstance(version, tuple) and len(version) == 1 and version[0] not in TAGS_OF_CHUNKS
    return {fact for fact in (count, version if whole_file else None) if fact is not None}


DELETE_EVENT = Action("DELETE", binary=False)
DELETE_BINARY = Action("DELETE")
GET_EVENT = Action("GET", binary=False)
GET = Action("GET")
HEAD = Action("HEAD")
