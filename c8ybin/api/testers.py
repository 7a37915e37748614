"""/c8ybin/reset, /c8ybin/seed, /c8ybin/faults: for those who test clients; only with `--demo`."""

from collections.abc import Iterator
from typing import Any, ClassVar

import falcon

from c8ybin.accounts import ADMIN
from c8ybin.api.access import Roles, user_of
from c8ybin.api.description.testers import tester_paths
from c8ybin.api.policies import set_no_store
from c8ybin.api.requests import body_length, read_blocks, read_document
from c8ybin.bodies import Intake
from c8ybin.domain.errors import TooLarge
from c8ybin.domain.events import serialize
from c8ybin.domain.queries import Kind, Parameter, parse_query, read_values
from c8ybin.faults import CUTS, NUMBERS, Plan, planned_of_document
from c8ybin.seeds.archive import MOST_BYTES
from c8ybin.seeds.clearing import clear
from c8ybin.seeds.demo import make_demo
from c8ybin.seeds.sowing import sow_stream
from c8ybin.store import Store

DEMO = Parameter("demo", "demo", Kind.FLAG, "Whether the demo is made anew then.")


def paths() -> dict[str, Any]:
    """Return the description of the resources here."""
    return tester_paths(DEMO, MOST_BYTES, {str(cut): meaning for cut, meaning in CUTS.items()}, NUMBERS)


def _say(resp: falcon.Response, document: dict[str, Any]) -> None:
    resp.data = serialize(document)
    resp.content_type = "application/json"
    set_no_store(resp)


class Reset:
    """/c8ybin/reset: back to nothing, or to the demo."""

    access: ClassVar[Roles] = {"POST": ADMIN}

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store = store
        self._plan = plan

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Delete all events and managed objects, and forget all faults."""
        wanted = read_values(parse_query(req.query_string), (DEMO,), closed=False)
        self._store.may_take_long()
        self._plan.clear()
        with self._plan.resetting():
            clear(self._store)
            if wanted.get("demo"):
                make_demo(self._store, user_of(req).name)
        resp.status = falcon.HTTP_204


class Body:
    """A request's body as a stream, of which no more is taken than a tar of events may have."""

    def __init__(self, blocks: Iterator[bytes | memoryview]) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many; none at the end.

        Raises:
            TooLarge: There are too many.
        """
        if not self._block:
            self._block = memoryview(next(self._blocks, b""))
            self._taken += len(self._block)
            if self._taken > MOST_BYTES:
                raise TooLarge("A tar of events", MOST_BYTES)
        data, self._block = bytes(self._block[:size]), self._block[size:]
        return data


class Seeding:
    """/c8ybin/seed: events and files from a tar."""

    access: ClassVar[Roles] = {"POST": ADMIN}

    def __init__(self, store: Store, intake: Intake) -> None:
        self._store = store
        self._intake = intake

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create the events, and answer which has which ID."""
        self._store.may_take_long()
        length = body_length(req)
        if length is not None and length > MOST_BYTES:
            raise TooLarge("A tar of events", MOST_BYTES)
        planted = sow_stream(self._store, self._intake, Body(read_blocks(req, length)), user_of(req).name)
        resp.status = falcon.HTTP_201
        _say(resp, {"events": [each.document() for each in planted]})


class Faults:
    """/c8ybin/faults: what goes wrong with requests to come."""

    access: ClassVar[Roles] = {"GET": ADMIN, "POST": ADMIN, "DELETE": ADMIN}

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def on_get(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Answer what is still to come."""
        _say(resp, {"faults": [each.document() for each in self._plan.all()]})

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Plan one more."""
        planned = planned_of_document(read_document(req, "A fault"))
        self._plan.add(planned)
        resp.status = falcon.HTTP_201
        _say(resp, planned.document())

    def on_delete(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Forget all of it."""
        self._plan.clear()
        resp.status = falcon.HTTP_204
