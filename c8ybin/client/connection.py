"""Requests to one server, tried again where that may help."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import httpx

from c8ybin.client.errors import (
    ClientError,
    Interrupted,
    NoConnection,
    Refused,
    UntrustedCertificate,
    refusal,
)
from c8ybin.client.lost import is_unreached, lost
from c8ybin.client.patience import wait_s
from c8ybin.client.sending import Body, Sending, nothing_counted
from c8ybin.domain.sizes import format_size

# Answers that tell of passing trouble; 500 is none (API: clients give up on it).
PASSING = frozenset({408, 429, 502, 503, 504})
# Of these, the ones that say that nothing was done.
NOTHING_DONE = frozenset({429, 503})
_TOO_LARGE = 413
RETRIES = 6
CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 120.0
MOST_CONNECTIONS = 17


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt came to nothing, whether another may, and how long the server asks to wait before it."""

    trouble: ClientError
    may_repeat: bool
    retry_after: str | None = None


def nothing_told(_: str) -> None:
    """Tell nobody."""


class Connection:
    """A server, and how to log in there; its methods may be called by several threads at once."""

    def __init__(
        self,
        url: str,
        authorization: str | None = None,
        *,
        trust: ssl.SSLContext | None = None,
        retries: int = RETRIES,
        tell: Callable[[str], None] = nothing_told,
    ) -> None:
        """Connect when asked.

        Args:
            url: Scheme and host, and a path where the API is below one.
            authorization: The value of that header field.
            trust: Whose certificates are accepted; None for the system's authorities.
            retries: How often a request is tried again.
            tell: Is told of each trouble that is waited out.
        """
        self.url = url.rstrip("/")
        self.retries = retries
        self.tell = tell
        self._has_answered = False
        fields = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "c8ybin"}
        self._http = httpx.Client(
            headers=fields | ({"Authorization": authorization} if authorization else {}),
            verify=trust or True,
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, pool=None),
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @cached_property
    def is_c8ybin(self) -> bool:
        """Whether it is a c8ybin, and not another server of that API: its description has that title.

        That decides whether a file is sent in chunks, and whether digests are expected. Whatever else is
        answered, or a description that a proxy keeps back, means another server: that works everywhere.
        """
        return self._info.get("title") == "c8ybin"

    def require_takes(self, length: int) -> None:
        """Refuse a file of so many bytes before any is sent, where the server tells that it takes less.

        Raises:
            Refused: It does.
        """
        limits = self._info.get("x-limits") if self.is_c8ybin else None
        most = limits.get("binaryBytes") if isinstance(limits, dict) else None
        if isinstance(most, int) and length > most:
            raise Refused(f"A file may have at most {format_size(most)}; nothing was sent.", _TOO_LARGE)

    @cached_property
    def _info(self) -> dict[str, Any]:
        """What the server's description says of the server; nothing where it has none."""
        try:
            document = json.loads(self.ask("GET", "/openapi.json").content)
        except (Refused, ValueError):
            return {}
        info = document.get("info") if isinstance(document, dict) else None
        return info if isinstance(info, dict) else {}

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask, and return an answer of 2xx with its body; takes what `opened` takes.

        Raises:
            NoConnection: No answer came.
            Refused: It is no 2xx.
            Interrupted: `stop` was set.
        """
        return self._ask(method, path, reads=True, **more)

    @contextmanager
    def opened(
        self, method: str, path: str, fields: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Yield an answer of 2xx whose body is still to be read, by whoever may find it cut short.

        Raises:
            NoConnection: No answer came.
            Refused: It is no 2xx.
        """
        response = self._ask(method, path, fields, reads=False)
        try:
            yield response
        finally:
            response.close()

    def document(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Ask for a JSON object.

        Raises:
            ClientError: As `ask`, or the answer is none, as of a server that speaks another API.
        """
        answer = self.ask(method, path, **more)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ClientError(f"{self.url} does not speak the API of Cumulocity: its answer is no JSON.")
        return document

    def pause(self, attempt: int, trouble: ClientError, retry_after: str | None = None) -> float:
        """Return how long to wait before the next attempt, and tell of it.

        Raises:
            ClientError: The trouble, where there is no next attempt.
        """
        seconds = wait_s(attempt, retry_after)
        if attempt > self.retries or seconds is None or isinstance(trouble, UntrustedCertificate):
            raise trouble
        self.tell(f"{trouble} Trying again.")
        return seconds

    def _ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        reads: bool,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        count: Callable[[int], None] = nothing_counted,
        once: bool = False,
        stop: threading.Event | None = None,
    ) -> httpx.Response:
        """Ask until there is an answer.

        Args:
            method: As HTTP has it.
            path: The address below the server's.
            fields: More header fields.
            reads: Whether to read the body of the answer.
            query: Parameters.
            body: What to send.
            count: Is called with how many bytes have left, and with less than 0 for those that left in vain.
            once: Whether to ask twice might do twice what is asked.
            stop: Ends waiting and sending once it is set.
        """
        stop = stop or threading.Event()
        attempt = 0
        while True:
            attempt += 1
            sending = Sending(body, count, stop)
            request = self._request(method, path, fields, query, sending, sends=bool(body))
            try:
                response = self._http.send(request, stream=True)
                if reads or not response.is_success:
                    response.read()
            except httpx.TransportError as error:
                failure = self._unanswered(error, once)
            else:
                self._has_answered = True
                if response.is_success:
                    return response
                failure = _refused(response, once)
            sending.undo()
            if not failure.may_repeat or stop.is_set():
                raise failure.trouble
            if stop.wait(self.pause(attempt, failure.trouble, failure.retry_after)):
                raise Interrupted("It was stopped.")

    def _request(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None,
        query: Mapping[str, str] | None,
        sending: Sending,
        *,
        sends: bool,
    ) -> httpx.Request:
        try:
            return self._http.build_request(
                method,
                self.url + path,
                params=query,
                headers={**(fields or {}), **sending.fields},
                content=sending.blocks() if sends else None,
            )
        except httpx.InvalidURL:
            raise NoConnection(f"{self.url} is no address of a server.") from None

    def _unanswered(self, error: httpx.TransportError, once: bool) -> _Failure:
        trouble = self.no_connection(error)
        if is_unreached(error):
            # A server that was never reached is rather a wrong address than a passing trouble.
            return _Failure(trouble, may_repeat=self._has_answered)
        if once:
            trouble = NoConnection(f"{trouble} It may be done all the same; look before you ask again.")
        return _Failure(trouble, may_repeat=not once)

    def no_connection(self, error: httpx.TransportError) -> NoConnection:
        """Say in one sentence why there was no answer, or no more of it."""
        return lost(self.url, error)


def _refused(response: httpx.Response, once: bool) -> _Failure:
    trouble = refusal(
        response.status_code, response.reason_phrase, response.content, response.headers.get("Location")
    )
    may_repeat = response.status_code in (NOTHING_DONE if once else PASSING)
    return _Failure(trouble, may_repeat, response.headers.get("Retry-After"))
