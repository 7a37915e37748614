"""What can be wrong with a request, as one exception class a case.

A message is one sentence for the person at the client: it says what is wrong and
what to do, and never repeats a path or an exception. `api.problems` holds the one
table that gives each class its status. What the operating system refuses stays an OSError.
"""

import errno
import math

from c8ybin.domain.sizes import format_size


class Refusal(Exception):
    """A request that is answered with an error; its message is meant for the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreadable(Refusal):
    """The request cannot be read: broken JSON, multipart, header field or transfer."""


class Invalid(Refusal):
    """The request can be read, but a value in it is not acceptable."""


class TooLarge(Refusal):
    """A body, chunk or file is over its limit."""

    def __init__(self, what: str, limit: int) -> None:
        """Tell of `what`, as `A file`, that it may have at most `limit` bytes."""
        super().__init__(f"{what} may have at most {format_size(limit)}.")


class LengthRequired(Refusal):
    """An upload that tells neither its length nor that it is sent in coded chunks."""

    def __init__(self) -> None:
        super().__init__("Send the body with a Content-Length or with Transfer-Encoding: chunked.")


class TooSlow(Refusal):
    """The body of a request comes too slowly to wait for it."""

    def __init__(self) -> None:
        super().__init__("The body came too slowly; send it again over a better connection, or in chunks.")


class DigestMismatch(Refusal):
    """The received bytes are not those that the client's digest describes."""

    def __init__(self, field: str) -> None:
        super().__init__(f"The received bytes do not match {field}; send them again.")


class EventNotFound(Refusal):
    """There is no such event."""

    def __init__(self) -> None:
        super().__init__("Finding event from database failed")


class ObjectNotFound(Refusal):
    """There is no such managed object."""

    def __init__(self) -> None:
        super().__init__("Finding device data from database failed : No managedObject for this id!")


class ExternalIdNotFound(Refusal):
    """There is no such external ID."""

    def __init__(self) -> None:
        super().__init__("External id not found")


class BinaryNotFound(Refusal):
    """The event has no (complete) binary."""

    def __init__(self) -> None:
        super().__init__("Attachment not found")


class BinaryExists(Refusal):
    """A POST met an event that already has its one binary."""

    def __init__(self) -> None:
        super().__init__("Attachment already exists")


class ExternalIdTaken(Refusal):
    """The external ID belongs to a managed object already."""

    def __init__(self) -> None:
        super().__init__("External id already bound to a managed object; delete it there first")


class ChunkConflict(Refusal):
    """A chunk contradicts the ones that arrived before it."""


class PreconditionFailed(Refusal):
    """A conditional request whose condition does not hold (RFC 9110, section 13)."""

    def __init__(self) -> None:
        super().__init__("A precondition of the request does not hold; read the resource again and retry.")


class RangeNotSatisfiable(Refusal):
    """A Range that lies outside the representation (RFC 9110, section 15.5.17)."""

    def __init__(self, length: int) -> None:
        super().__init__(f"The file has {length} bytes; ask for a range within them.")
        self.length = length


class Busy(Refusal):
    """Somebody else holds what the request needs, for longer than it may wait."""

    def __init__(self) -> None:
        super().__init__("What this is about is in use by other requests; try again in a few seconds.")


class ReadOnly(Refusal):
    """Nothing may be changed for now."""

    def __init__(self) -> None:
        super().__init__(
            "The server is read-only for now, as while its data is moved; try again in a few seconds."
        )


class CutOff(Refusal):
    """The others took this process for dead: it was stopped, or had no connection to the file system."""

    def __init__(self) -> None:
        super().__init__("This server was cut off from the others for a while; try again in a few seconds.")


class BadSeed(Refusal):
    """What events are to be made of is no folder or tar as it should be."""


class ListUnavailable(Refusal):
    """The index of events is being made anew, and that takes longer than a request may wait."""

    def __init__(self) -> None:
        super().__init__("The index of events is being made anew; try again in a few seconds.")


class TooManyTries(Refusal):
    """Passwords were tried too often; until some time has passed none is tried."""

    def __init__(self, wait_s: float) -> None:
        self.retry_after_s = max(1, math.ceil(wait_s))
        super().__init__(f"Too many failed logins; try again in {self.retry_after_s} seconds.")


class LoginsCrowded(Refusal):
    """Too many passwords wait to be verified."""

    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("Too many logins at once; try again in a second.")


class Damaged(Refusal):
    """A file of the store does not hold what it should."""

    def __init__(self, what: str) -> None:
        super().__init__("What is stored of this is damaged; ask the operator to look at the server log.")
        self.what = what


def is_full(error: OSError) -> bool:
    """Tell whether a write failed for want of room: the disk is full, or the quota reached."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_of_one_file(error: OSError) -> bool:
    """Tell whether something is wrong with one file, and not with the process or the whole disk."""
    return error.errno in (errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EACCES)
