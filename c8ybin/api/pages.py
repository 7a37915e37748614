"""/, /docs and what they load: the pages for people, for everybody; what they show takes an account."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import falcon

from c8ybin.api.access import Resource, Roles
from c8ybin.api.policies import set_console, set_docs
from c8ybin.console import INDEX, StaticFile, compressed, load
from c8ybin.domain.conditions import Precondition

Policy = Callable[[falcon.Response], None]


def _say(req: falcon.Request, resp: falcon.Response, file: StaticFile, policy: Policy) -> None:
    """Answer with a file, or that the browser has it already."""
    policy(resp)
    resp.append_header("Vary", "Accept-Encoding")
    file = compressed(file) if _takes_gzip(req.get_header("Accept-Encoding") or "") else file.plain()
    if file.is_gzip:
        resp.set_header("Content-Encoding", "gzip")
    resp.set_header("ETag", file.etag)
    condition = Precondition(if_none_match=req.env.get("HTTP_IF_NONE_MATCH"))
    if condition.has_etag(file.etag):
        resp.status = falcon.HTTP_304
        return
    resp.data = file.data
    resp.content_type = file.media_type


def _takes_gzip(field: str) -> bool:
    """Tell whether a client names gzip among what it takes, with a quality that is not 0 (RFC 9110, 12.5.3)."""
    for choice in field.lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";")
        if coding == "gzip":
            return weight.rstrip("0.") != "q="
    return False


class Page:
    """A page."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, files: Mapping[str, StaticFile], policy: Policy) -> None:
        """Take the files of which it is one, and what a browser is told about it."""
        self._page = files[INDEX]
        self._policy = policy

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the page."""
        if req.env["PATH_INFO"].endswith("/") and req.path != "/":
            # What it loads is named from its own address, so that it holds below any prefix of a proxy.
            raise falcon.HTTPPermanentRedirect(f"..{req.path}")
        _say(req, resp, self._page, self._policy)

    on_head = on_get


class PageFile:
    """What a page loads."""

    access: ClassVar[Roles] = {"GET": None}

    def __init__(self, files: Mapping[str, StaticFile], policy: Policy) -> None:
        """Take the files, and what a browser is told about each."""
        self._files = files
        self._policy = policy

    def on_get(self, req: falcon.Request, resp: falcon.Response, file: str) -> None:
        """Answer a style sheet, a module, a dictionary or an image."""
        # The page is at its own address alone.
        if file == INDEX or file not in self._files:
            raise falcon.HTTPNotFound
        _say(req, resp, self._files[file], self._policy)

    on_head = on_get


def page_resources() -> dict[str, Resource]:
    """Return the resources by their addresses."""
    console, docs = load(), load("docs")
    return {
        "/": Page(console, set_console),
        "/console/{file}": PageFile(console, set_console),
        "/docs": Page(docs, set_docs),
        "/docs/{file}": PageFile(docs, set_docs),
    }
