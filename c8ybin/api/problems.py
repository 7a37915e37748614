"""Errors as answers: one table of statuses, one JSON body.

Source: Cumulocity OpenAPI 10.15; the codes and messages are those of its examples
where it has one.
"""

import errno
import logging
from typing import Any

import falcon

from c8ybin.domain import errors
from c8ybin.domain.events import serialize

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


STATUS: dict[type[errors.Refusal], tuple[int, str]] = {
    errors.Unreadable: (400, "general/Bad Request"),
    errors.DigestMismatch: (400, "general/Digest Mismatch"),
    Unauthorized: (401, "security/Unauthorized"),
    Forbidden: (403, "security/Forbidden"),
    errors.EventNotFound: (404, "event/Not Found"),
    errors.BinaryNotFound: (404, "Not Found"),
    errors.TooSlow: (408, "general/Request Timeout"),
    errors.BinaryExists: (409, "Duplicate"),
    errors.ChunkConflict: (409, "general/Conflict"),
    errors.LengthRequired: (411, "general/Length Required"),
    errors.PreconditionFailed: (412, "general/Precondition Failed"),
    errors.TooLarge: (413, "general/Content Too Large"),
    errors.RangeNotSatisfiable: (416, "general/Range Not Satisfiable"),
    errors.Invalid: (422, "undefined/validationError"),
    errors.Damaged: (500, "general/Internal Error"),
    errors.Busy: (503, "general/Service Unavailable"),
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
    431: "The header fields of the request are too long; send fewer or shorter ones.",
    501: "Of the transfer codings only chunked is known here.",
}
_UNREADABLE = "The request cannot be read; check its header fields."

_FULL = "The disk is full but for its reserve; delete something or ask the operator."
_LATER = "The disk cannot take this now; try again in a few seconds."
_OPEN_FILES = "The server has too many files and connections open; try again in a few seconds."

# Trouble that passes, or that the operator can end without a restart: clients retry 503.
_PASSING = {
    errno.EIO: "The disk reports input/output errors; ask the operator to look at it.",
    errno.EROFS: "The disk has become read-only; ask the operator to look at it.",
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.EAGAIN: _LATER,
    errno.ENOMEM: "The server is short of memory; try again in a few seconds.",
    errno.EBUSY: _LATER,
    errno.ESTALE: _LATER,
    errno.ETIMEDOUT: _LATER,
    errno.ENOLCK: _LATER,
}


def body(code: str, message: str, **more: str) -> bytes:
    """Write the body of an error; `more` members stand before its own."""
    return serialize({**more, "error": code, "message": message, "info": INFO})


def refusal_body(status: int) -> bytes:
    """Write the body for a request that the server refused before the application saw it."""
    if status == INTERNAL_ERROR[0]:
        return body(*INTERNAL_ERROR[1:])
    name = falcon.code_to_http_status(status)[4:]
    return body(f"general/{name}", REFUSED_MESSAGES.get(status, _UNREADABLE))


def say(resp: falcon.Response, status: int, code: str, message: str) -> None:
    """Make an error the answer."""
    resp.status = falcon.code_to_http_status(status)
    # As bytes: falcon has no handler that would write this media type as JSON.
    resp.data = body(code, message)
    resp.content_type = MEDIA_TYPE
    resp.stream = None
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


def on_refusal(req: falcon.Request, resp: falcon.Response, ex: errors.Refusal, _: Any) -> None:
    """Answer what a room refused."""
    status, code = STATUS[type(ex)]
    say(resp, status, code, ex.message)
    if isinstance(ex, Unauthorized):
        # @c8y/client asks for a scheme that browsers do not know, so that they show no dialog.
        scheme = "XBasic" if (req.get_header("UseXBasic") or "").lower() == "true" else "Basic"
        resp.set_header("WWW-Authenticate", f'{scheme} realm="c8ybin"')
    elif isinstance(ex, errors.RangeNotSatisfiable):
        resp.set_header("Content-Range", f"bytes */{ex.length}")
    elif isinstance(ex, errors.Damaged):
        log.error("%s %s: damaged: %s", req.method, req.path, ex.what)


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
        log.error("%s %s: %s", req.method, req.path, ex, exc_info=ex if status == 500 else None)
    else:
        status, code, message = INTERNAL_ERROR
        log.error("%s %s failed", req.method, req.path, exc_info=ex)
    say(resp, status, code, message)
