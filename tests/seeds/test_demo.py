"""The demo's devices, events and files, and the way back to nothing."""

import csv
import io
import json
import re
import struct
import wave
import zlib

import pytest

from c8ybin.domain.conditions import Precondition
from c8ybin.domain.inventory import ObjectQuery
from c8ybin.domain.queries import Paging
from c8ybin.seeds.clearing import clear
from c8ybin.seeds.demo import DEVICES, happenings, make_demo
from c8ybin.seeds.papers import csv_text, pdf, settings_json
from c8ybin.seeds.pictures import bearing_sound, thermogram
from c8ybin.store import Store


def objects(store: Store):
    return list(store.inventory.find(ObjectQuery(), Paging(page_size=100)).objects)


def content(store: Store, event) -> bytes:
    opened = store.binaries.open(event.id)
    with open(opened.fd, "rb") as file:
        return file.read()


@pytest.fixture
def demo(store, listed):
    make_demo(store, "demo")
    return listed()


def test_it_has_devices_and_dozens_of_events_of_the_last_days(store, demo):
    assert {each.document["name"] for each in objects(store)} == {device.name for device in DEVICES}
    assert {event.file.document["source"]["id"] for event in demo} == {
        str(each.id) for each in objects(store)
    }
    assert len(demo) == len(list(happenings())) + 1 >= 36
    now = store.clock.now_ms()
    times = [event.facts.order[0] for event in demo]
    assert now - 7 * 86_400_000 < min(times) < now - 5 * 86_400_000
    assert max(times) < now
    assert len(set(times)) == len(times)


def test_it_has_files_of_each_kind_and_one_incomplete_upload(store, demo):
    begins = {
        "image/png": b"\x89PNG",
        "application/pdf": b"%PDF-1.4",
        "audio/wav": b"RIFF",
        "text/csv": b"time,",
        "application/json": b"{",
        "text/plain; charset=utf-8": b"20",
    }
    assert {event.binary.type for event in demo if event.binary} == set(begins)
    for event in demo:
        if event.binary:
            assert content(store, event).startswith(begins[event.binary.type])
    assert sum(event.upload is not None for event in demo) == 1


def test_it_is_the_same_but_for_times():
    assert thermogram(0.5) == thermogram.__wrapped__(0.5)
    assert csv_text(0) == csv_text(0)
    assert bearing_sound() == bearing_sound()


def test_it_is_made_only_where_there_are_no_events(store, demo, listed):
    make_demo(store, "demo")
    assert [event.id for event in listed()] == [event.id for event in demo]


def test_devices_that_are_there_are_used_again(store, demo):
    for event in demo:
        store.events.delete(event.id, Precondition())
    before = [each.id for each in objects(store)]
    make_demo(store, "demo")
    assert [each.id for each in objects(store)] == before


def test_a_thermogram_is_a_png():
    data, chunks = thermogram(1.0), {}
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, colour, len(chunks[b"PLTE"])) == (8, 3, 768)
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (width + 1)


def test_a_report_is_a_pdf_whose_table_tells_where_its_objects_are():
    data = pdf(["Title (a\\b)", "Größe"])
    start = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert data[start:].startswith(b"xref\n0 6\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n ", data[start:]), 1):
        assert data[int(place) :].startswith(b"%d 0 obj" % number)
    length = int(re.search(rb"/Length (\d+)", data)[1])
    assert len(data.split(b">>\nstream\n")[1].split(b"\nendstream")[0]) == length
    assert b"(Title \\(a\\\\b\\)) Tj" in data
    assert "(Größe) Tj".encode("latin-1") in data


def test_a_sound_is_a_wave_and_tables_and_settings_can_be_read():
    with wave.open(io.BytesIO(bearing_sound(0.5))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8000, 4000)
    rows = list(csv.reader(io.StringIO(csv_text(0).decode())))
    assert len(rows) == 61
    assert {len(row) for row in rows} == {3}
    assert json.loads(settings_json("x", 3))["revision"] == 3


def test_clearing_leaves_nothing(store, demo, listed):
    clear(store)
    assert listed() == []
    assert objects(store) == []
    assert list((store.folder.parent.parent / "events").rglob("event.json")) == []
    assert list((store.folder.parent.parent / "identities").rglob("*.json")) == []
    clear(store)
    make_demo(store, "demo")
    assert len(listed()) == len(demo)
