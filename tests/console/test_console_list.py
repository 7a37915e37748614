"""The list of events: newest first, live, filtered by the address, older ones on demand; an event's page."""

import json

import pytest
from browsing import PageMaker, sign_in
from console_tools import attached, event, picture
from harness import Connection, RunningServer
from playwright.sync_api import Page, expect

LOOKS_EVERY_MS = 5000


def texts(page: Page) -> list[str]:
    return page.locator(".row .text").all_inner_texts()


def filtered(server: RunningServer, query: str) -> str:
    return f"{server.url}/#/events?{query}"


@pytest.fixture
def machine(api: Connection, request: pytest.FixtureRequest) -> str:
    """A source with three events, an hour apart; one has a file."""
    source = f"machine-{request.node.name}"[:60]
    for hour, text, kind in ((10, "first", "a_Type"), (11, "second", "b_Type")):
        event(api, text, source={"id": source}, type=kind, time=f"2026-10-0{hour - 9}T{hour}:00:00Z")
    newest = event(api, "third", source={"id": source}, time="2026-10-03T12:00:00Z")
    api.ask("POST", f"/event/events/{newest}/binaries", picture(), Content_Type="image/png")
    return source


def test_the_newest_event_comes_first_and_the_others_by_their_days(
    page: Page, server: RunningServer, machine: str
) -> None:
    page.goto(filtered(server, f"source={machine}"))
    expect(page.locator(".row")).to_have_count(3)
    assert texts(page) == ["third", "second", "first"]
    days = page.locator(".day").all_inner_texts()
    assert days[0].startswith("Saturday") and "3 October 2026" in days[0]
    assert len(days) == 3


def test_an_event_that_is_created_elsewhere_appears_by_itself(
    page: Page, server: RunningServer, api: Connection, machine: str
) -> None:
    page.clock.install()
    page.goto(filtered(server, f"source={machine}"))
    expect(page.locator(".row")).to_have_count(3)
    page.locator(".row").first.focus()
    added = event(api, "fourth", source={"id": machine}, time="2026-10-04T12:00:00Z")
    page.clock.run_for(LOOKS_EVERY_MS)
    expect(page.locator(".row .text").first).to_have_text("fourth")
    expect(page.locator("#status")).to_have_text("1 new event")
    expect(page.get_by_text("third").locator("xpath=ancestor::a")).to_be_focused()  # rows that stay keep it
    api.ask("DELETE", f"/event/events/{added}")
    page.clock.run_for(LOOKS_EVERY_MS)
    expect(page.locator(".row")).to_have_count(3)


def test_filters_stand_in_the_address_and_back_undoes_them(
    page: Page, server: RunningServer, machine: str
) -> None:
    page.get_by_label("Source").fill(machine)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(3)
    page.get_by_label("Type").fill("b_Type")
    page.keyboard.press("Tab")
    expect(page.locator(".row")).to_have_count(1)
    assert page.url.endswith(f"#/events?source={machine}&type=b_Type")
    page.go_back()
    expect(page.locator(".row")).to_have_count(3)
    expect(page.get_by_label("Type")).to_have_value("")
    page.get_by_label("From").fill("2026-10-02")
    page.get_by_label("From").blur()
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_label("To").fill("2026-10-02")
    page.get_by_label("To").blur()
    expect(page.locator(".row")).to_have_count(1)  # both days are a part of it
    assert texts(page) == ["second"]
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_label("Source")).to_have_value("")


def test_a_filter_tells_events_with_an_attachment(page: Page, server: RunningServer, machine: str) -> None:
    page.goto(filtered(server, f"source={machine}"))
    page.get_by_label("Attachment").select_option("file")
    expect(page.locator(".row")).to_have_count(1)
    assert texts(page) == ["third"]


def test_what_nothing_matches_is_said_with_a_hint(page: Page, server: RunningServer) -> None:
    page.goto(filtered(server, "source=nothing-of-the-kind"))
    expect(page.get_by_text("No event matches these filters")).to_be_visible()


def test_older_events_come_when_they_are_asked_for_also_of_one_moment(
    page: Page, server: RunningServer, api: Connection
) -> None:
    for number in range(60):
        event(api, f"number {number}", source={"id": "many"}, time="2026-09-01T00:00:00Z")
    page.goto(filtered(server, "source=many"))
    expect(page.get_by_text("60 events")).to_be_visible()
    # Whoever scrolls to the end presses nothing; and whoever presses the button does not scroll.
    page.evaluate("document.querySelector('.older:not([hidden])')?.click()")
    expect(page.locator(".row")).to_have_count(60)
    assert len(set(texts(page))) == 60


def test_an_events_page_shows_its_fragments_and_leads_back_to_the_list_as_it_was(
    page: Page, server: RunningServer, api: Connection
) -> None:
    event(
        api,
        "<b>with</b> fragments",
        source={"id": "fragments"},
        test_Place={"name": "<img src=x onerror=alert(1)>", "floor": 3},
        test_Short="one word",
    )
    page.goto(filtered(server, "source=fragments"))
    page.get_by_text("<b>with</b> fragments").click()
    expect(page.locator("h1")).to_have_text("<b>with</b> fragments")
    shown = page.get_by_role("group", name="test_Place")
    assert json.loads(shown.inner_text()) == {"name": "<img src=x onerror=alert(1)>", "floor": 3}
    expect(page.locator(".fragment .simple")).to_have_text('"one word"')
    expect(page.get_by_text("No attachment")).to_be_visible()
    page.locator("a.back").click()
    expect(page.get_by_label("Source")).to_have_value("fragments")


def test_back_in_a_long_list_one_is_where_one_was(page: Page, server: RunningServer, api: Connection) -> None:
    for number in range(60):
        event(api, f"number {number}", source={"id": "long"}, time=f"2026-09-02T00:00:{number:02}Z")
    page.goto(filtered(server, "source=long"))
    expect(page.get_by_text("60 events")).to_be_visible()
    page.evaluate("document.querySelector('.older:not([hidden])')?.click()")
    expect(page.locator(".row")).to_have_count(60)
    page.get_by_text("number 3", exact=True).click()
    expect(page.locator("h1")).to_have_text("number 3")
    page.go_back()
    expect(page.get_by_text("number 3", exact=True)).to_be_in_viewport()
    expect(page.get_by_text("number 3", exact=True).locator("xpath=ancestor::a")).to_be_focused()
    assert page.locator("#types option").evaluate_all("(all) => all.map((one) => one.value)") == [
        "test_Event"
    ]


def test_an_event_that_is_gone_is_said_to_be(console: PageMaker, server: RunningServer) -> None:
    with console(allowed="404") as page:
        sign_in(page)
        page.goto(f"{server.url}/#/events/4711")
        expect(page.get_by_text("This event does not exist")).to_be_visible()


def test_an_event_is_created_by_a_form(page: Page, api: Connection) -> None:
    page.get_by_role("button", name="New event").click()
    page.get_by_label("Source (device ID)").fill("form")
    page.get_by_label("Type", exact=True).last.fill("test_Form")
    page.get_by_label("Text").fill("made by hand")
    page.get_by_text("More fragments").click()
    page.get_by_label("Fragments as JSON").fill('{"test_More": {"a": 1}')
    page.get_by_role("button", name="Create event").click()
    expect(page.get_by_role("dialog").get_by_text("The fragments are no JSON object.")).to_be_visible()
    page.get_by_label("Fragments as JSON").fill('{"test_More": {"a": 1}}')
    page.get_by_role("button", name="Create event").click()
    expect(page.locator("h1")).to_have_text("made by hand")
    expect(page.get_by_role("heading", name="test_More")).to_be_visible()
    attached(api, "a.txt", "text/plain", b"a")  # the server goes on


def test_below_a_prefix_of_a_proxy_everything_is_found(console: PageMaker, server: RunningServer) -> None:
    with console() as page:
        expect(page.locator("#user")).to_be_visible()
        page.goto("about:blank")
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        page.route(
            f"{server.url}/box/**",
            lambda route: route.continue_(url=route.request.url.replace("/box/", "/")),
        )
        page.goto(f"{server.url}/box/")
        sign_in(page)
        page.get_by_text("Left bearing hot").click()
        expect(page.locator("img.picture")).to_be_visible()
        assert all(url.startswith((f"{server.url}/box/", "blob:")) for url in addresses)
