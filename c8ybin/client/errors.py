"""What ends a command of the client. The text of each is one sentence for whoever gave the command."""

import json

LONGEST_MESSAGE = 300


class ClientError(Exception):
    """It cannot be done."""


class NoConnection(ClientError):
    """No answer came, however often it was tried."""


class UntrustedCertificate(NoConnection):
    """The server's certificate is not one that is trusted; trying again is no use."""


class Interrupted(ClientError):
    """It was told to stop."""


class FileChanged(ClientError):
    """A file changed while it was sent."""


class WrongBytes(ClientError):
    """What is there after a transfer is not what was sent."""


class Refused(ClientError):
    """The server answered, and said no.

    Attributes:
        status: The status code of its answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Refused):
    """There is no such event, or it has no attachment."""


class NotAllowed(Refused):
    """The credentials are not accepted, or the account may not do that."""


class AttachmentExists(Refused):
    """The event has another attachment already."""


_KINDS: dict[int, type[Refused]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound}


def printable(text: str) -> str:
    """Return a text of a stranger as it may go to a terminal: one line, without anything that steers it."""
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST_MESSAGE].strip()


def refusal(status: int, reason: str, body: bytes, location: str | None = None) -> Refused:
    """Return what an answer other than 2xx means.

    Args:
        status: Its status code.
        reason: What HTTP calls that.
        body: JSON with a `message`, of Cumulocity and of c8ybin; anything else is passed over.
        location: Where it redirects to.
    """
    message = ""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        message = printable(document["message"])
    if 300 <= status < 400:
        message = f"The server redirects to {printable(location or 'nowhere')}; give that address instead."
    message = message or f"The server answered {printable(reason) or 'no'}."
    if message[-1] not in ".!?":
        message += "."
    return _KINDS.get(status, Refused)(f"{message} ({status})", status)
