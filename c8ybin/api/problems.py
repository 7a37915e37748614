"""Errors as answers: one table of statuses, one JSON body.

Source: Cumulocity OpenAPI 10.15; the codes and messages are those of its examples
where it has one.
"""

import errno
import logging
from typing import Any

import falcon

from c8ybin.accounts import AccountsProblem
from c8ybin.api.policies import set_no_store
from c8ybin.domain import errors
from c8ybin.domain.events import serialize
from c8ybin.domain.sizes import format_size

log = logging.getLogger(__name__)

INFO = "https://www.cumulocity.com/guides/reference-guide/#error_reporting"
MEDIA_TYPE = "application/vnd.com.nsn.cumulocity.error+json;charset=UTF-8;ver=0.9"
RETRY_AFTER_S = 5


class Unauthorized(errors.Refusal):
    """No account, or not its password."""

    def __init__(self) -> None:
        super().__init__("Invalid credentials! : Bad credentials")


class Forbidden(errors.Refusal):
    """An account without the role that this takes."""

    def __init__(self, role: str) -> None:
        super().__init__(f"This account lacks {role}; ask the operator for it.")


class OutOfScope(errors.Refusal):
    """An account with sources wants to create what is none of them."""


class EventsQuota(errors.Refusal):
    """The sources of the account have as many events as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The quota of {limit} events is reached; delete some, or ask the operator for more."
        )


class BytesQuota(errors.Refusal):
    """The attachments of the account's sources would take more bytes than it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The quota of {format_size(limit)} for attachments is reached; delete some, or ask the operator for more."
        )


STATUS: dict[type[errors.Refusal], tuple[int, str]] = {
    errors.Unreadable: (400, "general/Bad Request"),
    errors.DigestMismatch: (400, "general/Digest Mismatch"),
    Unauthorized: (401, "security/Unauthorized"),
    Forbidden: (403, "security/Forbidden"),
    OutOfScope: (403, "security/Forbidden"),
    errors.EventNotFound: (404, "event/Not Found"),
    errors.ObjectNotFound: (404, "inventory/Not Found"),
    errors.ExternalIdNotFound: (404, "identity/Not Found"),
    errors.BinaryNotFound: (404, "Not Found"),
    errors.TooSlow: (408, "general/Request Timeout"),
    errors.BinaryExists: (409, "Duplicate"),
    errors.ExternalIdTaken: (409, "identity/Duplicate"),
    errors.ChunkConflict: (409, "general/Conflict"),
    errors.LengthRequired: (411, "general/Length Required"),
    errors.PreconditionFailed: (412, "general/Precondition Failed"),
    errors.TooLarge: (413, "general/Content Too Large"),
    errors.RangeNotSatisfiable: (416, "general/Range Not Satisfiable"),
    errors.Invalid: (422, "undefined/validationError"),
    errors.BadSeed: (422, "seed/Not Acceptable"),
    errors.TooManyTries: (429, "security/Too Many Requests"),
    EventsQuota: (422, "event/Quota Exceeded"),
    BytesQuota: (507, "general/Insufficient Storage"),
    errors.Damaged: (500, "general/Internal Error"),
    errors.Busy: (503, "general/Service Unavailable"),
    errors.CutOff: (503, "general/Service Unavailable"),
    errors.ListUnavailable: (503, "general/Service Unavailable"),
    errors.ReadOnly: (503, "general/Service Unavailable"),
    errors.LoginsCrowded: (503, "general/Service Unavailable"),
}

INTERNAL_ERROR = (500, "general/Internal Error", "The server failed; ask the operator to look at its log.")

# What falcon refuses by itself: the message that a person can act on.
HTTP_MESSAGES = {
    404: "There is nothing at this address; GET /openapi.json lists what there is.",
    405: "This method is not allowed here; the Allow header lists those that are.",
}

# What the server refuses before the application sees it.
REFUSED_MESSAGES = {
    413: "The body is longer than any that is taken here.",
    408: "The header of the request came too slowly; send it again over a better connection.",
    414: "The address of the request is too long; send a shorter one.",
    431: "The header fields of the request are too long; send fewer or shorter ones.",
    501: "Of the transfer codings only chunked is known here.",
    503: "The server has too many connections open; try again in a few seconds.",
    505: "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
}
# Of these, what a request may be answered with wherever it goes: the rest takes one that nobody describes.
REFUSED_ANYWHERE = (400, 408, 414, 431, 503)
_UNREADABLE = "The request cannot be read; check its header fields."

_FULL = "The disk is full but for its reserve; delete something or ask the operator."
_LATER = "The disk cannot take this now; try again in a few seconds."
_OUT_OF_REACH = "The file system's own servers cannot be reached from here; try again in a few seconds."
_OPEN_FILES = "The server has too many files and connections open; try again in a few seconds."

# Trouble that passes, or that the operator can end without a restart: clients retry 503.
_PASSING = {
    errno.EIO: "The disk reports input/output errors; ask the operator to look at it.",
    errno.EROFS: "The disk has become read-only; ask the operator to look at it.",
    # The server holds its own folder of the one below.
    errno.EXDEV: "Something is mounted over the data directory; ask the operator to start the server anew.",
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.EAGAIN: _LATER,
    errno.ENOMEM: "The server is short of memory; try again in a few seconds.",
    errno.EBUSY: _LATER,
    errno.ESTALE: _LATER,
    errno.ETIMEDOUT: _LATER,
    errno.ENOLCK: _LATER,
    # A distributed file system: its mount has ended, was shut out by the others, or reaches none of them.
    errno.ENOTCONN: _OUT_OF_REACH,
    errno.ESHUTDOWN: _OUT_OF_REACH,
    errno.EHOSTDOWN: _OUT_OF_REACH,
    errno.EHOSTUNREACH: _OUT_OF_REACH,
    errno.ECONNABORTED: _OUT_OF_REACH,
    errno.ENXIO: _OUT_OF_REACH,
}


def body(code: str, message: str, **more: str) -> bytes:
    """Write the body of an error; `more` members stand before its own."""
    return serialize({**more, "error": code, "message": message, "info": INFO})


def refusal_body(status: int, sentence: str | None = None) -> bytes:
    """Write the body for a request that the server refused before the application saw it, maybe in its words."""
    if status == INTERNAL_ERROR[0]:
        return body(*INTERNAL_ERROR[1:])
    name = falcon.code_to_http_status(status)[4:]
    return body(f"general/{name}", sentence or REFUSED_MESSAGES.get(status, _UNREADABLE))


def say(resp: falcon.Response, status: int, code: str, message: str) -> None:
    """Make an error the answer."""
    resp.status = falcon.code_to_http_status(status)
    # As bytes: falcon has no handler that would write this media type as JSON.
    resp.data = body(code, message)
    resp.content_type = MEDIA_TYPE
    resp.stream = None
    set_no_store(resp)
    if status == 503:
        resp.set_header("Retry-After", str(RETRY_AFTER_S))


def is_of_the_disk(error: OSError) -> bool:
    """Tell whether an error that a request met says something of the next one; a full disk is found by a probe."""
    return error.errno in _PASSING


def trouble(error: OSError) -> tuple[int, str, str]:
    """Return status, code and message for an error of the operating system."""
    if errors.is_full(error):
        return 507, "general/Insufficient Storage", _FULL
    if error.errno in _PASSING:
        return 503, "general/Service Unavailable", _PASSING[error.errno]
    return INTERNAL_ERROR


def _named(req: falcon.Request) -> str:
    """Name a request in the log, by the ID that its client is told, too."""
    return f"{req.method} {req.path} ({req.env.get('c8ybin.request_id', 'no ID')})"


def on_refusal(req: falcon.Request, resp: falcon.Response, ex: errors.Refusal, _: Any) -> None:
    """Answer what a room refused."""
    status, code = STATUS[type(ex)]
    say(resp, status, code, ex.message)
    if isinstance(ex, Unauthorized):
        # @c8y/client asks for a scheme that browsers do not know, so that they show no dialog.
        scheme = "XBasic" if (req.get_header("UseXBasic") or "").lower() == "true" else "Basic"
        resp.set_header("WWW-Authenticate", f'{scheme} realm="c8ybin"')
    elif isinstance(ex, errors.TooManyTries | errors.LoginsCrowded):
        resp.set_header("Retry-After", str(ex.retry_after_s))
    elif isinstance(ex, errors.RangeNotSatisfiable):
        resp.set_header("Content-Range", f"bytes */{ex.length}")
    elif isinstance(ex, errors.Damaged):
        log.error("%s: damaged: %s", _named(req), ex.what)


def on_http_error(_: falcon.Request, resp: falcon.Response, ex: falcon.HTTPError, __: Any) -> None:
    """Answer what falcon refused: an unknown path, a method that is not allowed."""
    status = falcon.http_status_to_code(ex.status)
    message = HTTP_MESSAGES.get(status, _UNREADABLE)
    say(resp, status, f"general/{falcon.code_to_http_status(status)[4:]}", message)
    if ex.headers:
        resp.set_headers(ex.headers)


def on_fault(req: falcon.Request, resp: falcon.Response, ex: Exception, _: Any) -> None:
    """Answer what went wrong here: logged whole, told briefly."""
    if isinstance(ex, OSError):
        status, code, message = trouble(ex)
        log.error("%s: %s", _named(req), ex, exc_info=ex if status == 500 else None)
    else:
        status, code, message = INTERNAL_ERROR
        log.error("%s failed", _named(req), exc_info=ex)
    say(resp, status, code, message)


def on_accounts_problem(
    req: falcon.Request, resp: falcon.Response, ex: AccountsProblem, _: dict[str, Any]
) -> None:
    """Answer that nobody can be let in; the log tells the operator in one sentence what to put right."""
    log.error("%s: %s", _named(req), ex)
    say(resp, *INTERNAL_ERROR)
