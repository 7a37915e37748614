"""One browser and one server for all tests of the console; each test has a context and events of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import PageMaker, axe, launched, opened, sign_in
from harness import Connection, RunningServer, connected, servers
from playwright.sync_api import Browser, Page, sync_playwright
from store_tools import new_root

from bench.tools import Missing


def _or_skipped(get: Callable[[], Any]) -> Any:
    """Return what is got; where it is not to be had, skip with the reason, but fail in CI, which has what it takes."""
    try:
        return get()
    except Missing as missing:
        reason = f"the console cannot be tried here: {missing}"
        return pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        one = _or_skipped(lambda: launched(playwright))
        yield one
        one.close()


@pytest.fixture(scope="session")
def axe_text() -> str:
    return str(_or_skipped(axe))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, locks: Path) -> Iterator[RunningServer]:
    with servers(new_root(tmp_path_factory.mktemp("console") / "data", locks)) as start:
        yield start("--demo")


@pytest.fixture
def api(server: RunningServer) -> Iterator[Connection]:
    """The server, without a browser."""
    with connected(server) as connection:
        yield connection


@pytest.fixture(scope="session")
def console(browser: Browser, server: RunningServer) -> PageMaker:
    """Return what opens the console in a new context; see `opened`."""
    return lambda url=server.url, **settings: opened(browser, url, **settings)


@pytest.fixture
def page(console: PageMaker) -> Iterator[Page]:
    """The console, signed in."""
    with console() as one:
        sign_in(one)
        yield one
