"""What it means that there was no answer, or no more of it."""

import re
import ssl
from collections.abc import Iterator

import httpx

from c8ybin.client.errors import NoConnection, UntrustedCertificate

_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


def lost(url: str, error: httpx.TransportError) -> NoConnection:
    """Say in one sentence why there was no answer of a server."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message or "not trusted"
            return UntrustedCertificate(
                f"The certificate of {url} is not trusted ({why}): give --cacert FILE "
                "with the authority that signed it."
            )
    why = (
        "it did not answer in time"
        if isinstance(error, httpx.TimeoutException)
        else _ERRNO.sub("", str(error))
    )
    return NoConnection(f"No connection to {url}: {why.rstrip('.') or 'it was lost'}.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what it came from, down to the system's own."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def is_unreached(error: httpx.TransportError) -> bool:
    """Tell whether there was no connection at all; one that was reset at once was there."""
    lost = any(isinstance(cause, ConnectionResetError | BrokenPipeError) for cause in _causes(error))
    return isinstance(error, _UNREACHED) and not lost
