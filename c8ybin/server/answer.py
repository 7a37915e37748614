"""An answer: the application's, with a header that says whether the connection stays."""

import time
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from waitress.task import ErrorTask, WSGITask
from waitress.utilities import build_http_date

from c8ybin.server.outgoing import FilePart

# After which a client may try again that was refused because there were too many.
RETRY_AFTER_S = 5


class MustWait(Exception):
    """The application would wait for the disk, which this thread may not."""


@lru_cache(maxsize=256)
def _capitalized(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return str(build_http_date(second))


class Answer(WSGITask):
    """Calls the application; unlike waitress, keeps the connection after an answer without a body."""

    # What waitress's type stubs tell otherwise.
    channel: Any
    request: Any

    header_bytes = 0

    def get_environment(self) -> dict[str, Any]:
        """Return the environment of PEP 3333, in which the body is a stream from the socket."""
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.file_wrapper"] = FilePart
        environ["c8ybin.may_wait"] = self.channel.may_wait
        environ["c8ybin.may_take_long"] = self.channel.may_take_long
        environ["c8ybin.client_name"] = self.channel.client_name
        environ["c8ybin.request_id"] = self.request.request_id
        if self.request.telling:
            environ["c8ybin.notes"] = self.request.telling.notes
        return environ

    def execute(self) -> None:
        """Call the application.

        Raises:
            MustWait: It would have to wait, and has not answered yet.
        """
        try:
            super().execute()
        except BlockingIOError:
            if self.channel.may_take_long or self.wrote_header:
                raise
            raise MustWait from None

    def build_response_header(self) -> bytes:
        """Write the status line and the header fields (RFC 9112, sections 4 and 5)."""
        fields = [(_capitalized(name), value) for name, value in self.response_headers]
        names = {name for name, _ in fields}
        if not self.has_body:
            fields = [field for field in fields if field[0] != "Content-Length"]
        elif "Content-Length" not in names:
            if self.content_length is not None:
                fields.append(("Content-Length", str(self.content_length)))
            elif self.request.command == "HEAD":
                pass  # the answer ends with its header
            elif self.version == "1.1":
                fields.append(("Transfer-Encoding", "chunked"))
                self.chunked_response = True
            else:
                self.close_on_finish = True
        if not self._may_keep():
            self.close_on_finish = True
        if "Connection" not in names:
            if self.close_on_finish:
                fields.append(("Connection", "close"))
            elif self.version == "1.0":
                fields.append(("Connection", "Keep-Alive"))
        fields.append(("X-Request-ID", self.request.request_id))
        if "Date" not in names:
            fields.append(("Date", _date(int(time.time()))))
        lines = [f"HTTP/{self.version} {self.status}", *(f"{name}: {value}" for name, value in fields)]
        header = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        self.header_bytes = len(header)
        return header

    def write(self, data: bytes) -> None:
        """Send header and bytes; after the header of an answer to HEAD they would seem another answer."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def _may_keep(self) -> bool:
        """Tell whether the client and what is left of the body allow another request."""
        request = self.request
        if request.connection_close:
            return False
        return request.incoming is None or request.incoming.is_finished()


class Refused(ErrorTask):
    """The answer to what cannot be parsed, in the application's words, if it has some."""

    # What waitress's type stubs tell otherwise.
    channel: Any
    request: Any

    # It has no application.
    environ: dict[str, Any] | None = None
    header_bytes = 0

    build_response_header = Answer.build_response_header
    _may_keep = Answer._may_keep

    def execute(self) -> None:
        """Write the answer; the connection then closes, for nobody knows where the next request begins."""
        code = self.request.error
        self.status = f"{code} {HTTPStatus(code).phrase}"
        fields, body = refusal(
            self.channel.server.application,
            code,
            self.request.sentence,
            self.request.known(self.channel.peer),
        )
        self.response_headers = [
            *fields,
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if code == HTTPStatus.SERVICE_UNAVAILABLE:
            self.response_headers.append(("Retry-After", str(RETRY_AFTER_S)))
        self.content_length = len(body)
        self.close_on_finish = True
        self.write(body)


def refusal(
    application: Any, code: int, sentence: str | None, known: dict[str, Any]
) -> tuple[list[tuple[str, str]], bytes]:
    """Return header fields and body of a refusal: the application's, if it has some.

    Args:
        application: Whose words they are.
        code: The status.
        sentence: What else is to be said; None: what the status says.
        known: What is known of the request, see `Request.known`.
    """
    if has := getattr(application, "refusal", None):
        fields, body = has(code, sentence, known)
        return fields, body
    return [("Content-Type", "text/plain")], (sentence or HTTPStatus(code).phrase).encode()
