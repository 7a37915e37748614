"""Events from folders and tars: which files are which events, and what hostile tars may not do."""

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.bodies import Intake
from c8ybin.domain.errors import BadSeed, Refusal
from c8ybin.seeds import archive
from c8ybin.seeds.sowing import sow_path, sow_stream

EVENT = b'{"type": "t", "text": "one", "time": "2026-11-24", "source": {"id": "7"}}'


def sow(store, intake, data):
    return sow_stream(store, intake, io.BytesIO(data), "tester")


def left_behind(store):
    return sorted(path.name for path in store.folder.iterdir() if path.name.startswith(("seed-", "body-")))


@pytest.fixture
def refuses(store, intake, listed):
    """Assert that a tar is refused with a sentence that has some words in it, and that nothing came of it."""

    def check(data, words, refusal=BadSeed):
        with pytest.raises(refusal) as caught:
            sow(store, intake, data)
        assert words in caught.value.message
        assert caught.value.message[-1] in ".!"
        assert (listed(), left_behind(store)) == ([], [])

    return check


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_directory_with_event_json_is_one_event_and_any_other_file_one(
    store, intake, listed, make_tar, mode, form
):
    files = {
        "seed/one/event.json": EVENT,
        "seed/one/report.pdf": b"%PDF",
        "seed/none/event.json": b"{}",
        "seed/loose.csv": b"a,b\n",
        "seed/ä" + "b" * 90 + ".log": b"line",
    }
    planted = sow(store, intake, make_tar(files, mode=mode, format=form))
    assert [each.path for each in planted] == [
        "seed/loose.csv",
        "seed/ä" + "b" * 90 + ".log",
        "seed/none",
        "seed/one",
    ]
    events = {str(event.id): event for event in listed()}
    csv, log, none, one = (events[str(each.id)] for each in planted)
    assert one.file.document == json.loads(EVENT) | {"time": "2026-11-24T00:00:00.000Z"}
    assert (one.binary.name, one.binary.type, one.binary.length) == ("report.pdf", "application/pdf", 4)
    assert none.binary is None
    assert none.file.document["text"] == "seed/none"
    assert none.file.document["source"] == {"id": "seed"}
    assert (csv.binary.type, csv.file.document["text"]) == ("text/csv", "loose.csv")
    assert (log.binary.type, log.binary.name) == ("text/plain", "ä" + "b" * 90 + ".log")
    assert csv.facts.order < log.facts.order < none.facts.order
    assert left_behind(store) == []


def test_name_and_type_of_the_attachment_are_those_that_the_event_tells(store, intake, listed, make_tar):
    told = {"c8y_IsBinary": {"name": "../x/a.bin", "type": "image/x-own", "length": 99}, "id": "5"}
    sow(store, intake, make_tar({"event.json": json.dumps(told).encode(), "a.png": b"12"}))
    (event,) = listed()
    assert (event.binary.name, event.binary.type, event.binary.length) == ("a.bin", "image/x-own", 2)


def test_a_folder_is_read_as_a_tar_of_it(store, intake, listed, tmp_path):
    folder = tmp_path / "given"
    for name, data in {"one/event.json": EVENT, "one/a.txt": b"a", ".git/x": b"", "b.bin": b""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assert [each.path for each in sow_path(store, intake, folder, "tester")] == ["b.bin", "one"]
    whole = tmp_path / "given.tgz"
    with tarfile.open(whole, "w:gz") as tar:
        tar.add(folder, arcname=".")
    assert [each.path for each in sow_path(store, intake, whole, "tester")] == ["b.bin", "one"]
    assert len(listed()) == 4
    os.symlink("b.bin", folder / "c.bin")
    with pytest.raises(BadSeed, match="link"):
        sow_path(store, intake, folder, "tester")
    with pytest.raises(BadSeed, match="no such"):
        sow_path(store, intake, tmp_path / "nowhere", "tester")
    assert len(listed()) == 4


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "good.txt"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_what_is_no_plain_file_is_refused(refuses, make_tar, kind, target):
    info = tarfile.TarInfo("bad")
    info.type, info.linkname = kind, target
    refuses(make_tar({"good.txt": b"x"}, info), "no plain file")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a/..", "//x"])
def test_a_path_that_leads_out_is_refused(refuses, make_tar, name):
    refuses(make_tar({"good.txt": b"x", name: b"x"}), "leads out")


@pytest.mark.parametrize("name", ["a\nb", "d/" * 17 + "x", "n" * 1025])
def test_a_path_that_nobody_needs_is_refused(refuses, make_tar, name):
    refuses(make_tar({name: b"x"}), "rename it")


def test_names_in_no_encoding_are_refused(refuses, make_tar):
    refuses(make_tar({"a\udcff": b"x"}, format=tarfile.GNU_FORMAT, errors="surrogateescape"), "UTF-8")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a/event.json": EVENT, "a/1": b"", "a/2": b""}, "2 files beside event.json"),
        ({"a/event.json": b"{"}, '"a/event.json": The body is not JSON'),
        ({"a/event.json": b" " * (1024 * 1024 + 1)}, "longer than an event"),
        ({"a/event.json": b'{"time": "yesterday"}'}, "time cannot be read"),
    ],
)
def test_what_is_no_event_is_refused_before_any_is_made(refuses, make_tar, files, words):
    refuses(make_tar({"aaa.txt": b"good", **files}), words)


def test_a_file_that_is_there_twice_is_refused(refuses, make_tar):
    one, two = tarfile.TarInfo("a.txt"), tarfile.TarInfo("./a.txt")
    refuses(make_tar({}, one, two), "twice")


def test_a_file_over_the_limit_is_refused_before_it_is_unpacked(store, listed, make_tar):
    intake = Intake(store.folder, max_binary=10)
    with pytest.raises(Refusal, match="at most 10 bytes"):
        sow(store, intake, make_tar({"a": b"1" * 11}))
    assert listed() == []
    assert len(sow(store, intake, make_tar({"a": b"1" * 10}))) == 1


@pytest.mark.parametrize("cut", [1, 100, 511, 512, 700, 1024, 1030])
def test_a_tar_that_is_cut_short_is_refused(refuses, make_tar, cut):
    refuses(make_tar({"a": b"x" * 600})[:cut], "cut short")


def test_a_damaged_header_is_not_taken_for_the_end(refuses, make_tar):
    data = bytearray(make_tar({"a": b"x", "b": b"y"}))
    data[1024 + 10] ^= 0xFF
    refuses(bytes(data), "damaged")


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4" + bytes(600), b"\x1f\x8b", b"\x1f\x8b" + bytes(600), b"x" * 2000]
)
def test_what_is_no_tar_is_refused(refuses, data):
    refuses(data, "tar is none")


def test_bytes_that_gzip_does_not_vouch_for_are_refused(refuses, make_tar):
    whole = gzip.compress(make_tar({"a": b"x"}))
    refuses(whole[:-6], "cut short")
    refuses(whole[:-8] + bytes(4) + whole[-4:], "damaged")


def test_what_unpacks_to_too_much_is_refused(refuses, make_tar, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    bomb = gzip.compress(make_tar({".hidden": bytes(2 << 20)}))
    assert len(bomb) < 4000
    refuses(bomb, "at most 1 MiB", Refusal)


def test_what_a_tar_says_of_one_file_is_bounded(refuses, make_tar):
    long = {"path": "x" * 100_000}
    info = tarfile.TarInfo("a")
    info.pax_headers = long
    refuses(gzip.compress(make_tar({}, info, format=tarfile.PAX_FORMAT)), "too long")
    # A sparse file of PAX 1.0 keeps its map where its bytes are, and tarfile would read all of that.
    info = tarfile.TarInfo("a")
    info.size = 1 << 20
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a"}
    head = make_tar({}, info, format=tarfile.PAX_FORMAT)[:1536]
    refuses(gzip.compress(head + b"400000\n" + b"1\n" * 500_000), "too long")


def test_headers_in_headers_without_end_are_refused(refuses):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 0
    refuses(gzip.compress(info.tobuf() * 20_000), "")


def test_too_many_files_are_refused(refuses, make_tar, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    refuses(make_tar({str(n): b"" for n in range(4)}), "more than 3")


@given(st.data())
def test_any_bytes_end_in_events_or_in_a_sentence(tmp_path_factory, make_tar, data):
    whole = bytearray(make_tar({"a/event.json": EVENT, "a/b": b"x" * 700, "c" * 120: b""}))
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)))):
        whole[place] = byte
    folder = tmp_path_factory.mktemp("unpacked")
    try:
        found = list(archive.unpack(io.BytesIO(whole), folder, lambda _: None))
    except Refusal:
        return
    assert all(each.file.parent == folder for each in found)
    assert {path.parent for path in Path(folder).iterdir()} <= {folder}
