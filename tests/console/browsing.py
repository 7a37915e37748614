"""Debian's Chromium, and the console in it: how a person signs in, chooses files, waits for what is said."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from clients.installing import installed
from playwright.sync_api import Browser, Error, Page, Playwright, expect

from bench.tools import Missing, install_node_modules

HERE = Path(__file__).parent
# Opens the console in a new context; see `opened`.
PageMaker = Callable[..., AbstractContextManager[Page]]
_INSTALL_WITHIN_S = 300
# It is somebody else's program, and it runs as root where the tests do.
_OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")


def chromium() -> str:
    """Return Debian's Chromium, which root installs where it is missing.

    Raises:
        Missing: It is not there and cannot be installed.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    if os.geteuid() or not shutil.which("apt-get"):
        raise Missing("no Chromium (Debian: apt-get install chromium)")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        try:
            done = subprocess.run(
                ["apt-get", "-qq", *command],
                env=environment,
                capture_output=True,
                text=True,
                timeout=_INSTALL_WITHIN_S,
            )
        except subprocess.TimeoutExpired:
            raise Missing("apt-get took too long to install chromium") from None
        if done.returncode:
            raise Missing(f"apt-get: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return shutil.which("chromium") or ""


def axe() -> str:
    """Return the text of axe, which looks for what keeps people out; from npm, as the lock says.

    Raises:
        Missing: It cannot be installed.
    """
    modules = HERE / "node_modules"
    installed(modules, HERE / "package-lock.json", lambda: install_node_modules(HERE))
    return (modules / "axe-core" / "axe.min.js").read_text()


def launched(playwright: Playwright) -> Browser:
    """Start the browser.

    Raises:
        Missing: There is none, or it does not start.
    """
    try:
        return playwright.chromium.launch(executable_path=chromium(), args=[*_OPTIONS])
    except Error as error:
        raise Missing(f"Chromium does not start: {error.message.splitlines()[0]}") from None


@contextmanager
def opened(browser: Browser, url: str, *, allowed: str = "", **settings: Any) -> Iterator[Page]:
    """Yield the console's page in a browser that knows nothing yet; errors of its scripts fail in the end.

    `allowed` is a part of messages on the browser's console that are meant to be there.
    """
    settings = {
        "locale": "en-GB",
        "timezone_id": "UTC",
        "viewport": {"width": 1200, "height": 800},
    } | settings
    context = browser.new_context(**settings)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda said: (
            faults.append(said.text)
            if said.type == "error" and not (allowed and allowed in said.text)
            else None
        ),
    )
    # From the beginning: a picker that opens before somebody listens would be the browser's own.
    page.on("filechooser", lambda _: None)
    page.goto(f"{url}/")
    yield page
    context.close()
    assert faults == []


def sign_in(page: Page, name: str = "demo", password: str = "demo") -> None:
    """Sign in and wait for the console."""
    page.locator("#user").fill(name)
    page.locator("#password").fill(password)
    page.locator("form button").click()
    expect(page.locator("header.bar")).to_be_visible()


def choose(page: Page, button: str, *files: Path | dict[str, Any]) -> None:
    """Press what opens the picker, and choose files."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(list(files))
