"""For everybody: by keyboard alone, with a screen reader, dark and light, on a phone, in two languages."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import PageMaker, sign_in
from console_tools import attached, event, picture
from harness import Connection, RunningServer
from playwright.sync_api import Page, expect

from c8ybin import console as room

STATIC = Path(room.__file__).parent / "static"
SCHEMES = ("light", "dark")


def violations(page: Page, axe_text: str) -> list[str]:
    """What axe finds wrong with what the page shows."""
    page.evaluate(axe_text)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes']]}"
        for one in found["violations"]
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_axe_finds_nothing_wrong_with_any_view(
    console: PageMaker, server: RunningServer, api: Connection, axe_text: str, scheme: str, width: int
) -> None:
    kinds = {
        "image": attached(api, "a.png", "image/png", picture()),
        "text": attached(api, "a.log", "text/plain", b"a line\n" * 50),
        "table": attached(api, "a.csv", "text/csv", b"a,b\n" + b"1,2\n" * 30),
        "json": attached(api, "a.json", "application/json", json.dumps({"a": [1, "b", None]}).encode()),
        "nothing": event(api, "no file", test_Fragment={"a": {"b": [1, 2]}}),
        "half": event(api, "half"),
    }
    api.ask("PUT", f"/event/events/{kinds['half']}/binaries", b"x" * 10, Content_Range="bytes 0-9/100")
    viewport = {"width": width, "height": 800}
    with console(allowed="404", color_scheme=scheme, viewport=viewport) as page:
        wrong = {"sign-in": violations(page, axe_text)}
        sign_in(page)
        expect(page.locator(".row").first).to_be_visible()
        wrong["events"] = violations(page, axe_text)
        page.get_by_role("button", name="New event").click()
        wrong["create"] = violations(page, axe_text)
        page.keyboard.press("Escape")
        page.goto(f"{server.url}/#/events?source=nothing-there")
        expect(page.get_by_text("No event matches")).to_be_visible()
        wrong["empty"] = violations(page, axe_text)
        for name, event_id in kinds.items():
            page.goto(f"{server.url}/#/events/{event_id}")
            expect(page.locator(".facts").first).to_be_visible()
            expect(page.locator(".preview .loading")).to_have_count(0)
            wrong[name] = violations(page, axe_text)
        page.goto(f"{server.url}/#/events/{kinds['image']}")
        page.get_by_role("button", name="Delete", exact=True).click()
        wrong["undo"] = violations(page, axe_text)
        page.get_by_role("button", name="Undo").click()
        page.goto(f"{server.url}/#/overview")
        expect(page.locator(".figures")).to_be_visible()
        wrong["overview"] = violations(page, axe_text)
    assert {view: found for view, found in wrong.items() if found} == {}


OVERVIEW = {
    "events": 1234,
    "attachments": 99,
    "bytes": 5_000_000_000,
    "days": [{"day": f"2026-11-{day:02}", "events": day * 7 % 40} for day in range(1, 31)],
    "types": [
        {"type": "c8y_Logfile", "events": 90, "bytes": 4_000_000_000},
        {"type": None, "events": 9, "bytes": 5},
    ],
    "uploads": {"incomplete": 2},
    "disk": {"free": 21_000_000_000, "total": 64_000_000_000, "reserve": 67_108_864},
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_overview_shows_days_types_uploads_and_the_disk(
    console: PageMaker, server: RunningServer, axe_text: str, scheme: str
) -> None:
    with console(color_scheme=scheme) as page:
        # The document as it is agreed, whatever this server's own would say today.
        page.route("**/c8ybin/overview", lambda route: route.fulfill(json=OVERVIEW))
        sign_in(page)
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_text("1,234")).to_be_visible()
        expect(page.locator(".bar-rect")).to_have_count(30)
        expect(page.get_by_role("row", name="c8y_Logfile 90 3.7 GiB")).to_be_visible()
        expect(page.get_by_text("19.5 GiB")).to_be_visible()
        assert violations(page, axe_text) == []
        page.get_by_role("link", name="c8y_Logfile").click()
        expect(page.get_by_label("Type")).to_have_value("c8y_Logfile")


def test_where_the_server_has_no_overview_the_lists_are_counted(
    console: PageMaker, server: RunningServer
) -> None:
    with console(allowed="404") as page:
        page.route("**/c8ybin/overview", lambda route: route.fulfill(status=404, json={"message": "no"}))
        sign_in(page)
        page.get_by_role("link", name="Overview").click()
        expect(page.locator(".figure")).to_have_count(3)
        expect(page.get_by_text("This server does not tell")).to_be_visible()


@pytest.mark.parametrize("view", ["events", "overview", "event"])
def test_nothing_is_wider_than_a_phone(
    console: PageMaker, server: RunningServer, api: Connection, view: str
) -> None:
    long = "Verylongwordwithoutaspace" * 8
    event_id = attached(api, f"{long[:200]}.log", "text/plain", b"x" * 5000, text=long)
    with console(allowed="404", viewport={"width": 360, "height": 640}, locale="de-DE") as page:
        page.route("**/c8ybin/overview", lambda route: route.fulfill(json=OVERVIEW))
        sign_in(page)
        page.goto(f"{server.url}/#/{'events/' + event_id if view == 'event' else view}")
        expect(page.locator(".facts, .row, .figures").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def press_until(page: Page, is_there: Callable[[], bool], key: str = "Tab") -> None:
    for _ in range(40):
        if is_there():
            return
        page.keyboard.press(key)
    raise AssertionError("the focus never came there")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText || document.activeElement.id"))


def test_a_file_is_uploaded_by_keyboard_alone(
    console: PageMaker, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    event(api, "by keyboard", source={"id": "keyboard"})
    path = tmp_path / "keys.txt"
    path.write_text("no mouse")
    with console() as page:
        expect(page.locator("#user")).to_be_focused()
        page.keyboard.type("demo")
        page.keyboard.press("Tab")
        page.keyboard.type("demo")
        page.keyboard.press("Enter")
        expect(page.locator(".row").first).to_be_visible()
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to content"
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        press_until(page, lambda: focused(page) == "filter-source")
        page.keyboard.type("keyboard")
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_have_count(1)
        press_until(page, lambda: "by keyboard" in focused(page))
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("by keyboard")
        expect(page.locator("h1")).to_be_focused()
        press_until(page, lambda: focused(page) == "Choose a file")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(path)
        expect(page.get_by_role("region", name="Content of the file")).to_have_text("no mouse")
        expect(page.locator("#status")).to_have_text("“keys.txt” was uploaded")


def test_a_dialog_keeps_the_focus_and_gives_it_back(page: Page) -> None:
    button = page.get_by_role("button", name="New event")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#new-source")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"
        )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_the_language_is_the_browsers_and_can_be_chosen(console: PageMaker) -> None:
    with console(locale="de-AT") as page:
        expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == "de"
        sign_in(page)
        expect(page.get_by_role("heading", name="Ereignisse")).to_be_visible()
        page.get_by_label("Sprache").select_option("en")
        expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()


def dictionary(language: str) -> dict[str, str]:
    found = json.loads((STATIC / f"{language}.json").read_text())
    assert isinstance(found, dict)
    return found


def test_both_languages_say_the_same_things() -> None:
    english, german = dictionary("en"), dictionary("de")
    assert list(english) == list(german)
    for key, sentence in english.items():
        assert sentence and german[key]
        assert sorted(re.findall(r"\{\w+\}", sentence)) == sorted(re.findall(r"\{\w+\}", german[key])), key


def test_every_sentence_that_the_code_names_is_there_and_no_other() -> None:
    code = "".join(path.read_text() for path in STATIC.glob("*.js"))
    known = {re.sub(r"\.(one|other)$", "", key) for key in dictionary("en")}
    assert set(re.findall(r'\bt\("([^"]+)"', code)) <= known
    # Some are put together: what comes before the part that varies.
    built = tuple(re.findall(r"`([a-z]+\.)\$\{", code))
    named = set(re.findall(r'"([a-z]+(?:\.[a-z0-9]+)+)"', code))
    assert {"create.", "problem."} <= set(built)
    assert {key for key in known if key not in named and not key.startswith(built)} == set()
