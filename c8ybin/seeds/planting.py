"""Events with their files into a store."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from c8ybin.bodies import Intake
from c8ybin.domain.conditions import Precondition
from c8ybin.domain.events import Document
from c8ybin.domain.ids import EventId
from c8ybin.domain.labels import Label
from c8ybin.store import Binary, Store

_ANY = Precondition()
_AT_ONCE = 16

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that an event is to have.

    Attributes:
        label: What it is called, and its media type.
        blocks: Gives its bytes, once they are wanted.
    """

    label: Label
    blocks: Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Seed:
    """An event to be.

    Attributes:
        path: Where it comes from, by which whoever gave it knows it.
        document: The event, valid already.
        attachment: Its file, if it is to have one.
    """

    path: str
    document: Document
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Planted:
    """An event that a seed became."""

    path: str
    id: EventId
    binary: Binary | None

    def document(self) -> dict[str, Any]:
        """Return what is told of it as JSON."""
        told: dict[str, Any] = {"path": self.path, "id": str(self.id)}
        if self.binary:
            told["attachment"] = {
                "name": self.binary.name,
                "type": self.binary.type,
                "length": self.binary.length,
            }
        return told


def plant(store: Store, intake: Intake, seed: Seed, owner: str) -> Planted:
    """Create an event with its file; both are durable then.

    Raises:
        TooLarge: The file is over the limit; there is no event.
        OSError: The file cannot be read, or the disk did not take it; there may be an event without it.
    """
    if seed.attachment is None:
        return Planted(seed.path, store.events.create(seed.document, owner).id, None)
    # The file first, so that what cannot be read leaves no event without it.
    with intake.whole(seed.attachment.label, ()) as receiver:
        for block in seed.attachment.blocks():
            receiver.feed(block)
        received = receiver.finish()
    with received.body:
        event_id = store.events.create(seed.document, owner).id
        return Planted(seed.path, event_id, store.binaries.attach(event_id, received, owner, _ANY))


def plant_all(store: Store, intake: Intake, seeds: Iterable[Seed], owner: str) -> list[Planted]:
    """Create events, several at once so that they become durable together; return them in the order of the seeds.

    Raises:
        TooLarge, OSError: See `plant`; the other events are there.
    """
    return at_once(lambda seed: plant(store, intake, seed, owner), seeds)


def at_once(do: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do the same with several items at once, and return what each came to, in their order.

    What one of them raises is raised once all are done.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done = [pool.submit(do, item) for item in items]
    return [each.result() for each in done]
