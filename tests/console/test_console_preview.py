"""What an attachment looks like, and that nothing of it runs."""

import base64
import hashlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import PageMaker, sign_in
from console_tools import attached, event, picture
from harness import Connection, RunningServer
from playwright.sync_api import Page, expect

GIF = base64.b64decode("R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==")
WEBP = base64.b64decode("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAgA0JaQAA3AA/vuUAAA=")
SOUND = b"RIFF" + struct.pack("<I", 836) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
SOUND += b"data" + struct.pack("<I", 800) + bytes([128] * 800)
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
ALARM = "fetch('/event/events', {method: 'POST'}); window.ran = true; top.ran = true; opener && (opener.ran = true)"
HOSTILE = f'<html><body onload="{ALARM}"><script>{ALARM}</script><h1>hostile</h1></body></html>'
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{ALARM}"><script>{ALARM}</script><text>hostile</text></svg>'


@pytest.fixture(scope="module")
def page(console: PageMaker) -> Iterator[Page]:
    """The console, signed in, for all of these tests: they change nothing."""
    with console() as one:
        sign_in(one)
        yield one


HEX_DIGEST = re.compile("^[0-9a-f]{64}$")


def show(page: Page, server: RunningServer, event_id: str) -> None:
    page.goto(f"{server.url}/#/events/{event_id}")
    expect(page.locator(".digest")).to_have_text(HEX_DIGEST)


@pytest.mark.parametrize(
    ("name", "media_type", "data"),
    [
        ("a.png", "image/png", picture()),
        ("a.gif", "image/gif", GIF),
        ("a.webp", "image/webp", WEBP),
        ("named-alone.png", "application/octet-stream", picture()),
    ],
    ids=["png", "gif", "webp", "by its name"],
)
def test_an_image_is_shown(
    page: Page, server: RunningServer, api: Connection, name: str, media_type: str, data: bytes
) -> None:
    show(page, server, attached(api, name, media_type, data))
    image = page.locator("img.picture")
    expect(image).to_be_visible()
    assert image.evaluate("async (image) => (await image.decode(), image.naturalWidth)") > 0
    expect(page.locator(".digest")).to_have_text(hashlib.sha256(data).hexdigest())


def test_what_is_no_image_in_truth_is_said_to_be_unreadable(
    page: Page, server: RunningServer, api: Connection
) -> None:
    show(page, server, attached(api, "a.png", "image/png", HOSTILE.encode()))
    expect(page.get_by_text("This browser cannot show the file as image/png.")).to_be_visible()


def test_a_long_text_is_shown_in_part_and_no_more_is_loaded(
    page: Page, server: RunningServer, api: Connection
) -> None:
    text = "ä".encode() * 200_000
    with page.expect_response(
        lambda answer: "/binaries" in answer.url and answer.request.method == "GET"
    ) as got:
        page.goto(
            f"{server.url}/#/events/{attached(api, 'long.log', 'text/plain; charset=utf-8', b'x' + text)}"
        )
    assert got.value.status == 206
    assert got.value.headers["content-length"] == str(256 * 1024)
    expect(page.get_by_text("The first 256 KiB of 391 KiB.")).to_be_visible()
    box = page.get_by_role("region", name="Content of the file")
    # The character that the range cut in two is left out.
    assert set(box.inner_text()) == {"x", "ä"}
    expect(page.locator("body")).to_have_js_property("scrollWidth", page.viewport_size["width"])
    page.get_by_label("Wrap long lines").check()
    assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth")


def test_csv_is_a_table(page: Page, server: RunningServer, api: Connection) -> None:
    data = 'time;text;value\r\n1;"one; ""two""\nthree";4,5\r\n2;<b>x</b>;6\r\n'
    show(page, server, attached(api, "a.csv", "text/csv", data.encode()))
    assert page.locator(".cells th").all_inner_texts() == ["time", "text", "value"]
    assert page.locator(".cells td").all_text_contents() == [
        "1",
        'one; "two"\nthree',
        "4,5",
        "2",
        "<b>x</b>",
        "6",
    ]


def test_json_is_indented(page: Page, server: RunningServer, api: Connection) -> None:
    show(page, server, attached(api, "a.json", "application/json", b'{"a":[1,{"b":"<i>"}],"c":null}'))
    box = page.get_by_role("region", name="Content of the file")
    assert box.inner_text() == '{\n  "a": [\n    1,\n    {\n      "b": "<i>"\n    }\n  ],\n  "c": null\n}'
    show(page, server, attached(api, "b.json", "application/json", b'{"a":'))
    expect(page.get_by_text("This is not valid JSON")).to_be_visible()
    expect(page.get_by_role("region", name="Content of the file")).to_have_text('{"a":')


def test_json_is_shown_as_it_was_written(page: Page, server: RunningServer, api: Connection) -> None:
    data = b'{"n":12345678901234567890,"f":1.0,"n":2,"s":"\\u00e4{[,:\\"]}","e":[],"o":{ }}'
    show(page, server, attached(api, "a.json", "application/json", data))
    lines = ["{", '  "n": 12345678901234567890,', '  "f": 1.0,', '  "n": 2,']
    lines += ['  "s": "\\u00e4{[,:\\"]}",', '  "e": [],', '  "o": {}', "}"]
    assert page.get_by_role("region", name="Content of the file").inner_text().split("\n") == lines


def test_a_long_fragment_does_not_widen_the_page(page: Page, server: RunningServer, api: Connection) -> None:
    page.goto(f"{server.url}/#/events/{event(api, 'long', test_Long={'deep': 'x' * 400})}")
    expect(page.get_by_role("heading", name="test_Long")).to_be_visible()
    expect(page.locator("html")).to_have_js_property("scrollWidth", page.viewport_size["width"])


def test_sound_plays_in_the_browser(page: Page, server: RunningServer, api: Connection) -> None:
    show(page, server, attached(api, "a.wav", "audio/wav", SOUND))
    sound = page.locator("audio")
    expect(sound).to_be_visible()
    ready = (
        "(sound) => sound.readyState > 0 || new Promise((r) => sound.addEventListener('loadedmetadata', r))"
    )
    sound.evaluate(ready)
    assert sound.evaluate("(sound) => sound.duration") == pytest.approx(0.1)


def test_a_film_that_cannot_be_played_is_said_to_be_unreadable(
    page: Page, server: RunningServer, api: Connection
) -> None:
    show(page, server, attached(api, "a.webm", "video/webm", b"no film"))
    expect(page.get_by_text("This browser cannot show the file as video/webm.")).to_be_visible()


def test_pdf_is_shown_by_the_browsers_own_viewer_and_as_nothing_else(
    page: Page, server: RunningServer, api: Connection
) -> None:
    show(page, server, attached(api, "a.pdf", "application/pdf", PDF))
    if page.evaluate("navigator.pdfViewerEnabled"):
        expect(page.locator("iframe.pages")).to_have_attribute("src", re.compile("^blob:"))
        frame = page.locator("iframe.pages").element_handle().content_frame()
        assert frame
        frame.wait_for_load_state()
        assert frame.evaluate("document.contentType") == "application/pdf"


def test_anything_else_is_a_name_a_size_and_a_digest(
    page: Page, server: RunningServer, api: Connection
) -> None:
    show(page, server, attached(api, "core.dump", "application/x-coredump", bytes(3000)))
    expect(page.get_by_role("heading", name="core.dump")).to_be_visible()
    expect(page.get_by_text("2.9 KiB · 3,000 bytes")).to_be_visible()
    expect(page.locator(".digest")).to_have_text(hashlib.sha256(bytes(3000)).hexdigest())
    expect(page.get_by_text("There is no preview for files of this type.")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "media_type", "text"),
    [
        ("page.html", "text/html", HOSTILE),
        ("page.xhtml", "application/xhtml+xml", HOSTILE),
        ("drawing.svg", "image/svg+xml", SVG),
        ("script.js", "text/javascript", ALARM),
    ],
    ids=["html", "xhtml", "svg", "javascript"],
)
def test_what_could_run_is_text_and_does_not_run(
    page: Page, server: RunningServer, api: Connection, name: str, media_type: str, text: str
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    show(page, server, attached(api, name, media_type, text.encode(), text=f"<script>{ALARM}</script>"))
    expect(page.get_by_role("region", name="Content of the file")).to_have_text(text)
    assert page.evaluate("window.ran") is None
    assert "POST" not in requests
    assert len(page.frames) == 1


@pytest.mark.parametrize(("kind", "tag"), [("application/pdf", "iframe"), ("audio/wav", "audio")])
def test_hostile_html_under_another_type_does_not_run(
    page: Page, server: RunningServer, api: Connection, kind: str, tag: str
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    show(page, server, attached(api, "x", kind, HOSTILE.encode()))
    expect(page.locator(".preview .loading")).to_have_count(0)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("window.ran") is None
    assert "POST" not in requests


def test_the_downloaded_file_has_its_name_and_its_bytes(
    page: Page, server: RunningServer, api: Connection, tmp_path: Path
) -> None:
    show(
        page,
        server,
        attached(api, "grün & blau.txt".encode().decode("latin-1"), "text/html", HOSTILE.encode()),
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "grün & blau.txt"
    assert Path(download.value.path()).read_text() == HOSTILE
