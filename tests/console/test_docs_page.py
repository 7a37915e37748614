"""/docs in a real browser: the viewer shows the description and its examples, and loads nothing from elsewhere."""

from typing import Any

import pytest
from harness import RunningServer
from playwright.sync_api import Browser, expect


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_description_is_shown_by_what_this_server_has(
    browser: Browser, server: RunningServer, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{server.url}/docs")
    page.locator(".nav-bar-path", has_text="Attach a file").click()
    expect(page.get_by_text("CODE SAMPLES").first).to_be_visible()
    page.get_by_role("button", name="Python").first.click()
    expect(page.get_by_text("import httpx").first).to_be_visible()
    assert all(url.startswith((f"{server.url}/", "data:", "blob:")) for url in asked)
    assert said == []  # the policy forbids nothing that it does
    context.close()


def test_on_a_phone_all_operations_are_on_the_page(browser: Browser, server: RunningServer) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{server.url}/docs")
    expect(page.locator("[part~=section-operation]", has_text="Attach a file").first).to_be_visible()
    context.close()
