"""The pages for people, as files: what a browser is told of each, and whose the viewer is."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

import c8ybin

DOCS = Path(c8ybin.__file__).parent / "console" / "docs"


def test_the_viewer_is_the_file_that_its_readme_names():
    text = (DOCS / "README.md").read_text()
    viewer = (DOCS / "rapidoc-min.js.gz").read_bytes()
    (digest,) = re.findall(r"`([0-9a-f]{64})`", text)
    (version,) = re.findall(r"\| version \| ([\d.]+) \|", text)
    assert hashlib.sha256(viewer).hexdigest() == digest
    assert f"{len(viewer):,} bytes, {len(gzip.decompress(viewer)):,} unpacked" in text
    assert f"RapiDoc {version} ".encode() in gzip.decompress(viewer)
    assert (DOCS / "LICENSE.txt").read_text().startswith("MIT License")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
        ("/docs/main.js", "text/javascript; charset=utf-8"),
        ("/docs/rapidoc-min.js", "text/javascript; charset=utf-8"),
    ],
)
def test_each_file_of_the_docs_has_its_type_its_tag_and_a_policy(client, path, media_type):
    client.authorization = None
    answer = client.get(path)
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe-eval" not in policy
    again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_int, again.body) == (304, b"")
    assert client.head(path).headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["/docs/index.html", "/docs/README.md", "/docs/LICENSE.txt", "/docs/../api.py"]
)
def test_what_is_no_part_of_the_page_is_404(client, path):
    assert client.get(path, status=404).content_type.startswith("application/")


@pytest.mark.parametrize(
    ("accepts", "is_gzip"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("", False),
    ],
)
def test_the_viewer_comes_compressed_to_who_takes_that(client, accepts, is_gzip):
    # The tag tells, for the client unpacks what it gets and says nothing.
    environ = {"HTTP_ACCEPT_ENCODING": accepts} if accepts else {}
    answer = client.get("/docs/rapidoc-min.js", extra_environ=environ)
    assert answer.headers["Vary"] == "Accept-Encoding"
    compressed = (DOCS / "rapidoc-min.js.gz").read_bytes()
    assert answer.body == gzip.decompress(compressed)
    sent = compressed if is_gzip else answer.body
    assert answer.headers["ETag"] == f'"{hashlib.sha256(sent).hexdigest()[:32]}"'


def test_both_forms_have_tags_of_their_own(client):
    tags = {
        client.get("/docs/rapidoc-min.js", headers={"Accept-Encoding": accepts}).headers["ETag"]
        for accepts in ("gzip", "identity")
    }
    assert len(tags) == 2


def test_the_page_names_nothing_from_elsewhere():
    for name in ("index.html", "docs.css", "main.js"):
        text = (DOCS / name).read_text()
        assert not re.search(r"https?://|url\(", text), name
        # Relative, so that they hold below any prefix of a proxy.
        assert not re.search(r"""["']/[a-z]""", text), name
