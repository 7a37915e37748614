"""Whose certificates a client accepts."""

import ssl

import httpx


def trusting(authority: str | None = None, *, anybody: bool = False) -> ssl.SSLContext:
    """Return how a client looks at certificates.

    Args:
        authority: A PEM file; only what it signed is accepted, or itself. None for the system's authorities.
        anybody: Accept every certificate, so that whoever is on the way can read and change all.

    Raises:
        OSError: The file cannot be read, or holds no certificate (ssl.SSLError).
    """
    if anybody:
        return httpx.create_ssl_context(verify=False)  # asked for, and said loudly
    if authority is not None:
        return ssl.create_default_context(cafile=authority)
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    return httpx.create_ssl_context()  # brings authorities along, for a Python that knows none
