"""What browsers and caches are told about every answer."""

from typing import Any

import falcon

# Kept by the client alone, and asked for again each time, which an entity tag makes cheap (RFC 9111).
_PRIVATE = "private, no-cache"


class Response(falcon.Response):
    """An answer that nobody takes for another media type, and no cache for current (WHATWG Fetch, `nosniff`)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", _PRIVATE)


def set_no_store(resp: falcon.Response) -> None:
    """Have no cache keep an answer that says nothing of the next one."""
    resp.set_header("Cache-Control", "no-store")


def set_download(resp: falcon.Response) -> None:
    """Let a browser run nothing of a stranger's file, nor show it in other sites' pages.

    Source: CSP Level 3, sandbox; WHATWG Fetch, Cross-Origin-Resource-Policy.
    """
    resp.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
    resp.set_header("Cross-Origin-Resource-Policy", "same-origin")


# Nothing from elsewhere, nothing inline, in nobody's frame. What was uploaded is shown from the page's own memory
# (blob:), under media types that run nothing. Text becomes HTML nowhere (Trusted Types).
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; "
    "frame-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


# The viewer of the description, which is not ours, has its styles inline and draws with data: URLs. It runs no text.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def set_console(resp: falcon.Response) -> None:
    """Let the console's page load its own files and nothing else; everybody may keep them, and asks again.

    Source: CSP Level 3; Trusted Types; Referrer Policy.
    """
    _set_page(resp, _CONSOLE)


def set_docs(resp: falcon.Response) -> None:
    """Let the page of the description load its own files and the description, and ask this server."""
    _set_page(resp, _DOCS)


def _set_page(resp: falcon.Response, policy: str) -> None:
    resp.set_header("Cache-Control", "no-cache")
    resp.set_header("Content-Security-Policy", policy)
    resp.set_header("Referrer-Policy", "no-referrer")
    resp.set_header("Cross-Origin-Resource-Policy", "same-origin")
