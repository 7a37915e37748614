"""A request and its answer, as a server tells of them once the answer is out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        request_id: By which the client and all logs name it.
        time_ms: When its header was complete, in milliseconds since 1970.
        peer: The address at the other end of the connection.
        method: As it was sent; None where the request could not be read so far.
        path: What was asked for, decoded as WSGI has it (Latin-1) and without the query; None as above.
        version: Of HTTP, as `1.1`.
        status: Of the answer.
        received: How many bytes of the body arrived.
        sent: How many bytes of the answer's body were sent, with their transfer coding.
        is_whole: Whether the kernel has taken all of the answer; else the connection broke off.
        duration_s: From the complete header to the last byte of the answer, in seconds.
        referer, agent: Those header fields.
        notes: What the application knows of it.
    """

    request_id: str
    time_ms: int
    peer: str
    method: str | None
    path: str | None
    version: str
    status: int
    received: int
    sent: int
    is_whole: bool
    duration_s: float
    referer: str | None = None
    agent: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


Told = Callable[[Exchange], None]
