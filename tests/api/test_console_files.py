"""/ and /console/…: the console's files as they are sent, to everybody, and what a browser may do with them."""

import gzip
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from c8ybin.console import load

ROOT = Path(__file__).parent.parent.parent
FILES = load()


def policy(answer):
    parts = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in parts}


def test_the_page_is_html_that_takes_no_account_and_names_only_what_is_there(client, ask):
    answer = ask(client, "GET", "/", headers={"Authorization": "", "Accept": "application/json"})
    assert (answer.status_int, answer.content_type) == (200, "text/html")
    named = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
    assert named
    # All of the modules are asked for at once, and not one after the other as they name each other.
    assert {name.removeprefix("console/") for name in named if name.endswith(".js")} == {
        name for name in FILES if name.endswith(".js")
    }
    # Relative, so that they hold below any prefix of a proxy.
    assert all(name.startswith("console/") for name in named)
    for name in named:
        assert ask(client, "GET", f"/{name}", headers={"Authorization": ""}).status_int == 200


@pytest.mark.parametrize("name", sorted(FILES))
def test_modules_load_only_modules_that_are_there(name):
    text = FILES[name].data.decode()
    for module in re.findall(r'^import .*?from "([^"]+)";$', text, re.MULTILINE):
        assert module.removeprefix("./") in FILES
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), "something from elsewhere"
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )


def test_what_they_are_is_told_and_nothing_is_guessed(client, ask):
    types = {"main.js": "text/javascript", "console.css": "text/css", "de.json": "application/json"}
    for name, media_type in (types | {"icon.svg": "image/svg+xml"}).items():
        answer = ask(client, "GET", f"/console/{name}")
        assert (answer.status_int, answer.content_type) == (200, media_type)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.body == FILES[name].data


@pytest.mark.parametrize("path", ["/", "/console/main.js"])
def test_a_browser_is_let_do_little(client, ask, path):
    answer = ask(client, "GET", path)
    allowed = policy(answer)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["form-action"] == ["'none'"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert allowed["require-trusted-types-for"] == ["'script'"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/console/main.js"])
def test_who_has_a_file_already_is_not_sent_it_again(client, ask, path):
    first = ask(client, "GET", path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = ask(client, "GET", path, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    assert (again.status_int, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert ask(client, "GET", path, headers={"If-None-Match": '"other"'}).status_int == 200
    head = ask(client, "HEAD", path)
    assert (head.status_int, head.body, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


@pytest.mark.parametrize(
    ("accepted", "is_coded"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("x-gzip", False),
    ],
)
def test_who_takes_gzip_gets_it_under_a_tag_of_its_own(client, ask, accepted, is_coded):
    plain = ask(client, "GET", "/console/main.js")
    request = client.RequestClass.blank("/console/main.js", headers={"Accept-Encoding": accepted})
    # As it is sent; WebTest would take the coding away.
    _, fields, blocks = request.call_application(client.app)
    fields, body = dict(fields), b"".join(blocks)
    assert (fields.get("content-encoding") == "gzip") == is_coded
    assert (gzip.decompress(body) if is_coded else body) == plain.body
    assert (fields["etag"] != plain.headers["ETag"]) == is_coded
    assert fields["vary"] == "Accept-Encoding"
    again = {"Accept-Encoding": accepted, "If-None-Match": fields["etag"]}
    assert ask(client, "GET", "/console/main.js", headers=again).status_int == 304


@pytest.mark.parametrize(
    "path",
    ["/console/nothing.js", "/console/index.html", "/console/", "/console/..%2ffiles.py", "/console/a/b"],
)
def test_any_other_file_is_404(client, ask, refused, path):
    refused(ask(client, "GET", path), 404)


def test_the_console_is_only_read(client, ask, refused):
    refused(ask(client, "POST", "/", b"x"), 405)
    refused(ask(client, "PUT", "/console/main.js", b"x"), 405)


def test_the_files_come_from_a_zip_too(tmp_path):
    archive = tmp_path / "c8ybin.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (ROOT / "c8ybin").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                file.write(path, path.relative_to(ROOT))
    code = "from c8ybin.console import load; import c8ybin; print(c8ybin.__file__); print(len(load()))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(archive)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"{archive}/c8ybin/__init__.py", str(len(FILES))], done.stderr
