"""Uploads: too large, cut, after a reload, several, by drop and paste, replaced."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import PageMaker, choose, sign_in
from console_tools import attached, document, event
from cutting import Cutter
from harness import Connection, RunningServer, binaries, pattern
from playwright.sync_api import Page, Route, expect

MB = 1_000_000


@pytest.fixture
def cutter(server: RunningServer) -> Iterator[Cutter]:
    with Cutter(server.port) as one:
        yield one


def file_of(folder: Path, name: str, length: int) -> Path:
    path = folder / name
    path.write_bytes(pattern(length))
    return path


def downloaded(api: Connection, event_id: str) -> bytes:
    answer, body = api.ask("GET", binaries(event_id))
    assert answer.status == 200
    return body


def sent_ranges(page: Page) -> list[tuple[int, int]]:
    """A list that the chunks that the page sends are added to, each as (start, stop)."""
    ranges: list[tuple[int, int]] = []

    def note(request) -> None:
        match = re.match(r"bytes (\d+)-(\d+)/", request.headers.get("content-range", ""))
        if match:
            ranges.append((int(match[1]), int(match[2]) + 1))

    page.on("request", note)
    return ranges


def test_60_mb_are_refused_with_a_sentence_before_anything_is_sent(
    page: Page, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(60 * MB)
    event_id = event(api, "too large")
    page.goto(f"{server.url}/#/events/{event_id}")
    ranges = sent_ranges(page)
    choose(page, "Choose a file", large)
    refused = page.locator(".upload .says")
    expect(refused).to_have_text(
        "This file has 57.2 MiB, and the server takes at most 50 MiB. Nothing was sent."
    )
    expect(page.locator("#alert")).to_contain_text("the server takes at most 50 MiB")
    assert ranges == []
    assert "c8y_IsIncompleteBinary" not in document(api, event_id)


def test_40_mb_that_are_cut_in_the_middle_go_on_by_themselves(
    console: PageMaker, cutter: Cutter, api: Connection, tmp_path: Path
) -> None:
    path = file_of(tmp_path, "forty.bin", 40 * MB)
    event_id = event(api, "cut")
    with console(cutter.url, allowed="net::ERR") as page:
        sign_in(page)
        page.goto(f"{cutter.url}/#/events/{event_id}")
        cutter.cut_after(15 * MB)
        ranges = sent_ranges(page)
        choose(page, "Choose a file", path)
        says = page.locator(".upload .says")
        expect(says).to_contain_text("no connection, next try in", timeout=60_000)
        before = len(ranges)
        cutter.mend()
        expect(says).to_have_text("38.1 MiB, complete", timeout=20_000)
        expect(page.get_by_role("heading", name="forty.bin")).to_be_visible()
    # What had arrived was not sent again.
    assert ranges[before][0] > 5 * MB
    assert sum(stop - start for start, stop in ranges) < 60 * MB
    assert hashlib.sha256(downloaded(api, event_id)).digest() == hashlib.sha256(pattern(40 * MB)).digest()


def test_progress_speed_and_time_left_are_told(
    console: PageMaker, cutter: Cutter, api: Connection, tmp_path: Path
) -> None:
    event_id = event(api, "progress")
    with console(cutter.url, allowed="net::ERR") as page:
        sign_in(page)
        page.goto(f"{cutter.url}/#/events/{event_id}")
        page.evaluate(
            """() => {
                window.said = [];
                new MutationObserver(() => window.said.push(document.querySelector(".upload .says")?.textContent))
                    .observe(document.querySelector(".tray"), { childList: true, subtree: true, characterData: true });
            }"""
        )
        choose(page, "Choose a file", file_of(tmp_path, "twelve.bin", 12 * MB))
        expect(page.locator(".upload .says")).to_have_text("11.4 MiB, complete", timeout=20_000)
        said = page.evaluate("window.said")
    assert any(
        re.fullmatch(r"[\d.]+ [KM]iB of 11.4 MiB · [\d.]+ [KMG]iB/s · \d+ s left", one or "") for one in said
    )


def test_an_upload_goes_on_after_a_reload_when_the_same_file_is_chosen_again(
    console: PageMaker, cutter: Cutter, api: Connection, tmp_path: Path
) -> None:
    path = file_of(tmp_path, "eight.bin", 8 * MB)
    other = file_of(tmp_path, "other.bin", 1000)
    event_id = event(api, "reloaded")
    with console(cutter.url, allowed="net::ERR") as page:
        sign_in(page)
        page.goto(f"{cutter.url}/#/events/{event_id}")
        cutter.cut_after(3 * MB)
        choose(page, "Choose a file", path)
        expect(page.locator(".upload .says")).to_contain_text("no connection")
        cutter.mend()
        # Before it tries again by itself.
        page.goto("about:blank")
        range_before = document(api, event_id)["c8y_IsIncompleteBinary"]["range"]
        page.goto(f"{cutter.url}/")
        upload = page.locator(".upload")
        expect(upload).to_contain_text("broke off; choose the same file to go on")
        with page.expect_file_chooser() as chooser:
            upload.get_by_role("button", name="Choose the file").click()
        chooser.value.set_files(other)
        expect(upload.locator(".says")).to_contain_text("This is another file. Choose “eight.bin” of 7.6 MiB")
        ranges = sent_ranges(page)
        with page.expect_file_chooser() as chooser:
            upload.get_by_role("button", name="Choose the file").click()
        chooser.value.set_files(path)
        expect(page.locator(".upload .says")).to_have_text("7.6 MiB, complete", timeout=20_000)
        assert (
            page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('c8ybin.upload'))") == []
        )
    there = int(range_before.partition("/")[0].partition("-")[2])
    # The first chunk shows the server that it is the same file; all others are what was missing.
    assert ranges[0][0] == 0
    assert all(start > there for start, _ in ranges[1:])
    assert downloaded(api, event_id) == pattern(8 * MB)


def test_several_files_become_an_event_each(page: Page, api: Connection, tmp_path: Path) -> None:
    files = [file_of(tmp_path, f"part-{number}.bin", 1000 + number) for number in range(3)]
    page.get_by_role("button", name="New event").click()
    choose(page, "Add files", *files)
    page.get_by_label("Source (device ID)").fill("several")
    page.get_by_label("Type", exact=True).last.fill("test_Several")
    page.get_by_role("button", name="Create 3 events").click()
    expect(page.locator(".upload.done")).to_have_count(3)
    answer, body = api.ask("GET", "/event/events?source=several&pageSize=10", Accept="application/json")
    assert answer.status == 200
    made = json.loads(body)["events"]
    assert {one["text"] for one in made} == {one["c8y_IsBinary"]["name"] for one in made}
    assert sorted(one["c8y_IsBinary"]["length"] for one in made) == [1000, 1001, 1002]


def give(page: Page, kind: str, name: str, media_type: str, text: str) -> None:
    """Drop or paste a file, as the browser would tell the page of it."""
    page.evaluate(
        """([kind, name, type, text]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], name, { type }));
            const event = kind === "paste"
                ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
                : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [kind, name, media_type, text],
    )


def test_a_file_that_is_dropped_on_an_event_is_attached_and_replaces_only_when_told_to(
    page: Page, server: RunningServer, api: Connection
) -> None:
    event_id = event(api, "drop here")
    page.goto(f"{server.url}/#/events/{event_id}")
    expect(page.get_by_text("No attachment")).to_be_visible()
    give(page, "drop", "dropped.txt", "text/plain", "first")
    expect(page.get_by_role("heading", name="dropped.txt")).to_be_visible()
    expect(page.get_by_role("region", name="Content of the file")).to_have_text("first")
    give(page, "drop", "again.txt", "text/plain", "second")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert downloaded(api, event_id) == b"first"
    give(page, "drop", "again.txt", "text/plain", "second")
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(page.get_by_role("region", name="Content of the file")).to_have_text("second")
    assert document(api, event_id)["c8y_IsBinary"] == {"type": "text/plain", "name": "again.txt", "length": 6}


def test_a_picture_that_is_pasted_into_the_list_becomes_an_event(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/events?source=pasted&type=test_Paste")
    give(page, "paste", "image.png", "image/png", "not really one")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("New event with a file")
    expect(dialog.locator(".chosen")).to_contain_text(re.compile(r"\d{4}-\d\d-\d\dT[\d-]+\.png"))
    dialog.get_by_role("button", name="Create event").click()
    expect(page.locator(".upload.done")).to_have_count(1)
    expect(page.locator(".row")).to_have_count(1)


def test_an_attachment_is_replaced_by_the_button_and_an_empty_file_is_one_too(
    page: Page, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    event_id = attached(api, "old.txt", "text/plain", b"old")
    page.goto(f"{server.url}/#/events/{event_id}")
    choose(page, "Replace", file_of(tmp_path, "empty.txt", 0))
    expect(page.get_by_role("heading", name="empty.txt")).to_be_visible()
    expect(page.get_by_text("The file is empty.")).to_be_visible()
    assert downloaded(api, event_id) == b""


def test_the_page_of_the_event_says_that_its_file_is_on_the_way(
    page: Page, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/#/events/{event(api, 'on the way')}")
    chunks: list[Route] = []

    def hold(route: Route) -> None:
        chunks.append(route)
        if len(chunks) != 2:
            route.continue_()

    page.route("**/binaries", hold)
    choose(page, "Choose a file", file_of(tmp_path, "three.bin", 3 * MB))
    expect(page.get_by_text("It is being uploaded; see Uploads for the progress.")).to_be_visible()
    chunks[1].continue_()
    expect(page.get_by_role("heading", name="three.bin")).to_be_visible()


def test_a_proxy_that_takes_less_than_the_server_gets_smaller_chunks(
    console: PageMaker, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    event_id = event(api, "behind a proxy")
    refused: list[int] = []

    def take(route: Route) -> None:
        length = len(route.request.post_data_buffer or b"")
        if length <= MB:
            route.continue_()
            return
        refused.append(length)
        route.fulfill(status=413, content_type="text/html", body="<h1>413</h1>")

    with console(allowed="413") as page:
        sign_in(page)
        page.goto(f"{server.url}/#/events/{event_id}")
        page.route("**/binaries", take)
        choose(page, "Choose a file", file_of(tmp_path, "six.bin", 6 * MB))
        expect(page.locator(".upload .says")).to_have_text("5.7 MiB, complete", timeout=20_000)
    assert len(refused) == 1
    assert downloaded(api, event_id) == pattern(6 * MB)


def test_a_file_that_is_gone_meanwhile_is_said_to_be(
    console: PageMaker, cutter: Cutter, api: Connection, tmp_path: Path
) -> None:
    event_id = event(api, "gone")
    path = file_of(tmp_path, "gone.bin", 8 * MB)
    with console(cutter.url, allowed="net::ERR") as page:
        sign_in(page)
        page.goto(f"{cutter.url}/#/events/{event_id}")
        cutter.cut_after(3 * MB)
        choose(page, "Choose a file", path)
        expect(page.locator(".upload .says")).to_contain_text("no connection")
        path.unlink()
        cutter.mend()
        expect(page.locator(".upload .says")).to_contain_text("The file cannot be read any more.")


def test_a_cancelled_upload_leaves_nothing_on_the_server(
    console: PageMaker, cutter: Cutter, api: Connection, tmp_path: Path
) -> None:
    event_id = event(api, "cancelled")
    with console(cutter.url, allowed="net::ERR") as page:
        sign_in(page)
        page.goto(f"{cutter.url}/#/events/{event_id}")
        cutter.cut_after(3 * MB)
        choose(page, "Choose a file", file_of(tmp_path, "eight.bin", 8 * MB))
        expect(page.locator(".upload .says")).to_contain_text("no connection")
        cutter.mend()
        with page.expect_response(lambda answer: answer.request.method == "DELETE"):
            page.get_by_role("button", name="Cancel the upload of eight.bin").click()
        expect(page.locator(".upload")).to_have_count(0)
        expect(page.get_by_text("No attachment")).to_be_visible()
    assert "c8y_IsIncompleteBinary" not in document(api, event_id)
