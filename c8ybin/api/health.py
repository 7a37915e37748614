"""/health: whether the store takes what is written, and what else whoever watches it ought to know."""

import errno
import time
from typing import Any, ClassVar

import falcon

from c8ybin.api.access import Roles
from c8ybin.api.policies import set_no_store
from c8ybin.api.problems import RETRY_AFTER_S, body, trouble
from c8ybin.counts import Board
from c8ybin.domain import errors
from c8ybin.domain.events import serialize
from c8ybin.store import Store

_OTHER = "other"
_OF_ERRNO = {
    errno.EIO: "disk-failing",
    errno.EROFS: "disk-read-only",
    errno.EMFILE: "open-files",
    errno.ENFILE: "open-files",
    errno.ENOMEM: "memory",
    errno.EAGAIN: "busy",
    errno.EBUSY: "busy",
    errno.ESTALE: "busy",
    errno.ETIMEDOUT: "busy",
    errno.ENOLCK: "busy",
    errno.ENOTCONN: "unreachable",
    errno.ESHUTDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ECONNABORTED: "unreachable",
    errno.ENXIO: "unreachable",
}
# Why the store takes nothing, in words for machines.
KINDS = ("disk-full", *dict.fromkeys(_OF_ERRNO.values()), _OTHER)

# What is wrong although it takes what is written.
WARNINGS = {
    "clocks-differ": "The clock of another host differs by much; let a time service set both; see the log.",
    "index-being-made": "The index is being made anew; until that is done lists are 503.",
    "index-unwritable": "The index cannot be written; lists are slow until it can; see the server's log.",
    "read-only": "Nothing is changed for now, as while the data is moved: what would change something is 503.",
    "overloaded": "There are more requests or connections than are served at once; some wait or are refused.",
    "workers-missing": "Some processes ended and are being replaced; the server's log tells why.",
}
# So long after a connection was refused, and at so many requests a worker that wait for a thread.
_SHED_LATELY_S = 10.0
_MANY_WAIT = 16


def kind_of(error: OSError) -> str:
    """Return which of `KINDS` an error is of."""
    return KINDS[0] if errors.is_full(error) else _OF_ERRNO.get(error.errno or 0, _OTHER)


class Health:
    """/health: for probes, without an account."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, store: Store, board: Board) -> None:
        self._store = store
        self._board = board

    def on_get(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Answer UP, maybe with warnings, or 503 with the reason."""
        resp.content_type = "application/json"
        set_no_store(resp)
        error = self._store.trouble()
        if error is None:
            document: dict[str, Any] = {"status": "UP"}
            if warnings := self._warnings():
                document["warnings"] = [{"kind": kind, "message": WARNINGS[kind]} for kind in warnings]
            resp.data = serialize(document)
            return
        _status, code, message = trouble(error)
        resp.status = falcon.HTTP_503
        resp.set_header("Retry-After", str(RETRY_AFTER_S))
        resp.data = body(code, message, status="DOWN", kind=kind_of(error))

    on_head = on_get

    def _warnings(self) -> list[str]:
        found = []
        listing, totals = self._store.listing, self._board.totals()
        if self._store.is_read_only:
            # Lists walk the tree where there is no index, which nobody makes meanwhile.
            found.append("read-only")
        elif self._store.keeper.is_mending or not listing.has_index:
            found.append("index-being-made")
        elif listing.is_bypassed:
            found.append("index-unwritable")
        if self._store.clocks_differ():
            found.append("clocks-differ")
        was_shed = totals.shed and time.monotonic() - totals.shed_at_s < _SHED_LATELY_S
        if was_shed or totals.waiting > _MANY_WAIT * self._board.places:
            found.append("overloaded")
        if totals.workers < self._board.places:
            found.append("workers-missing")
        return found
