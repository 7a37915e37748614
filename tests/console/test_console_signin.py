"""Who gets in, and what the others are told."""

from contextlib import closing
from pathlib import Path

import pytest
from browsing import PageMaker, sign_in
from harness import RunningServer
from playwright.sync_api import Page, expect

from c8ybin.accounts import EVENT_READ, Accounts

# The browser notes each refusal on its own console.
UNAUTHORIZED, TOO_MANY = "401", "status of 4"


def test_signing_in_shows_the_events_and_signing_out_forgets_the_account(page: Page) -> None:
    expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
    expect(page.locator(".row").first).to_be_visible()
    page.reload()  # the tab remembers
    expect(page.locator(".row").first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('c8ybin.session')") is None
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_a_sentence_and_not_the_browsers_dialog(console: PageMaker) -> None:
    with console(allowed=UNAUTHORIZED) as page:
        page.locator("#user").fill("demo")
        page.locator("#password").fill("wrong")
        with page.expect_response("**/user/currentUser") as asked:
            page.keyboard.press("Enter")
        # A scheme that browsers do not know: none asks by itself.
        assert asked.value.headers["www-authenticate"].startswith("XBasic")
        expect(page.locator("#refusal")).to_contain_text("User or password is wrong.")
        expect(page.locator("#password")).to_be_focused()
        page.locator("#password").fill("demo")
        page.keyboard.press("Enter")
        expect(page.locator("header.bar")).to_be_visible()


def test_after_too_many_failures_the_page_says_how_long_to_wait(console: PageMaker) -> None:
    with console(allowed=TOO_MANY) as page:
        page.locator("#user").fill("nobody")
        for number in range(11):
            page.locator("#password").fill(f"guess {number}")
            with page.expect_response("**/user/currentUser") as asked:
                page.keyboard.press("Enter")
            asked.value.finished()
        assert asked.value.status == 429
        expect(page.locator("#refusal")).to_contain_text(
            "Too many tries have failed. Wait 5 s and try again."
        )


def test_a_password_that_does_not_hold_any_more_leads_back_to_the_form(
    console: PageMaker, server: RunningServer
) -> None:
    with console(allowed=UNAUTHORIZED) as page:
        sign_in(page)
        expect(page.locator(".row").first).to_be_visible()
        page.evaluate(
            """() => {
                const session = JSON.parse(sessionStorage.getItem("c8ybin.session"));
                session.authorization = "Basic eDp5";
                sessionStorage.setItem("c8ybin.session", JSON.stringify(session));
            }"""
        )
        page.reload()
        expect(page.get_by_text("The server does not take this password any more.")).to_be_visible()


@pytest.fixture
def reader(server: RunningServer) -> str:
    """The name of an account that may only read; its password is `secret`."""
    data = Path(server.lines[-1].split(" serves ")[1].rpartition(" on ")[0])
    with closing(Accounts(data)) as accounts:
        accounts.add("reader", "secret", (EVENT_READ,))
    return "reader"


def test_who_may_only_read_is_offered_nothing_else(console: PageMaker, reader: str) -> None:
    with console() as page:
        sign_in(page, reader, "secret")
        expect(page.locator(".row").first).to_be_visible()
        expect(page.get_by_role("button", name="New event")).to_have_count(0)
        page.get_by_text("Left bearing hot").click()
        expect(page.get_by_role("button", name="Download")).to_be_visible()
        expect(page.get_by_role("button", name="Replace")).to_have_count(0)
        expect(page.get_by_role("button", name="Delete")).to_have_count(0)
