"""An application that goes wrong on purpose, where a request or a plan says so; only with `--demo`.

With what goes wrong before the application is asked, nothing changes; what is cut after that is done all the same.
"""

import errno
import logging
import time
from collections.abc import Iterable
from typing import Any, Protocol

import falcon

from c8ybin.api.app import Application
from c8ybin.api.problems import MEDIA_TYPE, RETRY_AFTER_S, STATUS, body
from c8ybin.domain.errors import Invalid, Unreadable
from c8ybin.faults import Cut, Fault, Plan, fault_of_header

log = logging.getLogger(__name__)

HEADER = "X-C8ybin-Fault"
# Where testers steer the server, nothing goes wrong, or it could never be ended.
SPARED = "/c8ybin/"
_MESSAGE = "This is an error on purpose, asked for by a test of a client; see /c8ybin/faults."
_TRIED_LATER = (429, 503)


class Wire(Protocol):
    """What our server lets an application do to the connection of a request; under another, nothing is cut."""

    def pause(self, seconds: float) -> None:
        """Wait, unless the client goes."""

    def cut(self) -> None:
        """End the connection now; nothing more is sent."""

    def cut_answer_after(self, count: int) -> None:
        """End the connection after so many bytes of the answer's body."""

    def slow_down(self, bytes_a_second: int) -> None:
        """Send the answer's body not faster than that."""


class CutBody:
    """The body of a request whose connection is cut while it is read."""

    def __init__(self, stream: Any, wire: Wire, left: int) -> None:
        """Cut after `left` bytes, or where the body ends before that."""
        self._stream = stream
        self._wire = wire
        self._left = left

    def readinto(self, view: memoryview) -> int:
        """Read the next bytes.

        Raises:
            Unreadable: The connection is cut.
        """
        count: int = self._stream.readinto(view[: self._left]) if self._left else 0
        if not count:
            self._wire.cut()
            raise Unreadable("The connection was cut on purpose.")
        self._left -= count
        return count


class FaultyApplication(Application):
    """The application, but for the requests with which something is to go wrong."""

    # Has the server hand a `Wire` over with each request.
    misbehaves = True

    def __init__(self, *arguments: Any, plan: Plan) -> None:
        super().__init__(*arguments)
        self._plan = plan

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        text = environ.get("HTTP_X_C8YBIN_FAULT")
        spared = path.startswith(SPARED) or method == "OPTIONS"
        if spared or (text is None and not self._plan.concerns(method, path)):
            return super()._answer(environ, start_response)
        if not environ.get("c8ybin.may_take_long", True):
            # Before anything is counted: another thread asks again.
            raise BlockingIOError(errno.EAGAIN, "a fault may take long")
        try:
            fault = self._plan.take(method, path) if text is None else fault_of_header(text)
        except Invalid as error:
            status, code = STATUS[Invalid]
            return self._say(environ, start_response, status, body(code, error.message))
        if fault is None:
            return super()._answer(environ, start_response)
        log.info("%s %s (%s): on purpose: %s", method, path, environ.get("c8ybin.request_id", "no ID"), fault)
        return self._misbehave(fault, environ, start_response)

    def _misbehave(self, fault: Fault, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        wire: Wire | None = environ.get("c8ybin.wire")
        if fault.delay:
            (wire.pause if wire else time.sleep)(fault.delay / 1000)
        if wire and fault.rate:
            wire.slow_down(fault.rate)
        if wire and fault.cut == Cut.ANSWER:
            wire.cut_answer_after(fault.bytes)
        if fault.status:
            return self._say_status(fault, environ, start_response)
        if wire and fault.cut in (Cut.BEFORE, Cut.REQUEST):
            length = environ.get("CONTENT_LENGTH")
            is_coded = "HTTP_TRANSFER_ENCODING" in environ
            if fault.cut == Cut.BEFORE or not (is_coded or (length and int(length))):
                wire.cut()
                return self._say(environ, start_response, 503, b"")  # which nobody gets
            # One byte is missing at least, lest the request be whole.
            left = min(fault.bytes, int(length) - 1) if length else fault.bytes
            environ["wsgi.input"] = CutBody(environ["wsgi.input"], wire, left)
        answer = super()._answer(environ, start_response)
        if wire and fault.cut == Cut.COMMIT:
            wire.cut()
        return answer

    def _say_status(self, fault: Fault, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status = fault.status or 503
        more: list[tuple[str, str]] = []
        retry = fault.retry if fault.retry is not None else RETRY_AFTER_S if status in _TRIED_LATER else None
        if retry is not None:
            more.append(("Retry-After", str(retry)))
        if status == 401:
            more.append(("WWW-Authenticate", 'Basic realm="c8ybin"'))
        name = falcon.code_to_http_status(status)[4:]
        said = body(f"general/{name}", _MESSAGE) if status >= 400 else b""
        return self._say(environ, start_response, status, said, *more)

    def _say(
        self, environ: dict[str, Any], start_response: Any, status: int, said: bytes, *more: tuple[str, str]
    ) -> Iterable[bytes]:
        headers = [
            *([("Content-Type", MEDIA_TYPE)] if said else []),
            ("Content-Length", str(len(said))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *more,
        ]

        def answer(_: dict[str, Any], begin: Any) -> list[bytes]:
            begin(falcon.code_to_http_status(status), headers)
            return [said]

        if self._cors:
            return self._cors.answer(answer, environ, start_response)
        return answer(environ, start_response)
