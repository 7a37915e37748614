"""Deletions, which wait some seconds for a change of mind."""

from console_tools import attached, event
from harness import Connection, RunningServer, until
from playwright.sync_api import Page, expect


def status(api: Connection, path: str) -> int:
    return api.ask("GET", path)[0].status


def test_a_deleted_event_comes_back_with_undo(page: Page, server: RunningServer, api: Connection) -> None:
    event_id = event(api, "to be kept", source={"id": "undo"})
    page.goto(f"{server.url}/#/events/{event_id}")
    page.get_by_role("button", name="Delete event").click()
    expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
    page.goto(f"{server.url}/#/events?source=undo")
    expect(page.get_by_text("No event matches these filters")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("h1")).to_have_text("to be kept")
    assert status(api, f"/event/events/{event_id}") == 200
    expect(page.locator("#status")).to_have_text("Nothing was deleted")


def test_a_deleted_event_is_deleted_after_some_seconds(
    page: Page, server: RunningServer, api: Connection
) -> None:
    page.clock.install()
    event_id = event(api, "to go")
    page.goto(f"{server.url}/#/events/{event_id}")
    page.get_by_role("button", name="Delete event").click()
    expect(page.get_by_text("Event “to go” deleted", exact=True)).to_be_visible()
    page.clock.run_for(5000)
    assert status(api, f"/event/events/{event_id}") == 200
    page.clock.run_for(5000)
    expect(page.get_by_text("Event “to go” deleted", exact=True)).to_have_count(0)
    assert until(lambda: status(api, f"/event/events/{event_id}") == 404)


def test_the_time_for_undo_stands_still_while_the_button_has_the_focus(
    page: Page, server: RunningServer, api: Connection
) -> None:
    page.clock.install()
    event_id = event(api, "slow reader")
    page.goto(f"{server.url}/#/events/{event_id}")
    page.get_by_role("button", name="Delete event").click()
    page.get_by_role("button", name="Undo").focus()
    page.clock.run_for(60_000)
    assert status(api, f"/event/events/{event_id}") == 200
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("slow reader")


def test_leaving_the_page_deletes_at_once(page: Page, server: RunningServer, api: Connection) -> None:
    event_id = event(api, "left")
    page.goto(f"{server.url}/#/events/{event_id}")
    page.get_by_role("button", name="Delete event").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.goto("about:blank")
    assert until(lambda: status(api, f"/event/events/{event_id}") == 404)


def test_a_deleted_attachment_can_be_had_back_and_goes_without_its_event(
    page: Page, server: RunningServer, api: Connection
) -> None:
    event_id = attached(api, "note.txt", "text/plain", b"a note")
    path = f"/event/events/{event_id}"
    page.goto(f"{server.url}/#/events/{event_id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", name="note.txt")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="note.txt")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.goto("about:blank")
    assert until(lambda: status(api, f"{path}/binaries") == 404)
    assert status(api, path) == 200
