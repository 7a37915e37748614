"""Damaged files: that one event is 500 and named in the log, `check` tells it, every other event is served."""

import logging
import random
import zlib
from collections import Counter

import pytest

from c8ybin.store import Check
from c8ybin.store.layout import Layout

FILES = ("event.json", "binary.json", "upload.journal")


def with_checksum(text):
    """A line whose checksum fits, so that only what it says is wrong."""
    return b'%b,"crc":"%08x"}\n' % (text, zlib.crc32(text))


def damages(whole, chance, count):
    """Yield what may become of a file: name of the damage and its bytes."""
    yield "empty", b""
    yield "zeros", bytes(len(whole))
    yield "not JSON", b"hello\n"
    yield "other JSON", b"[1,2]\n"
    yield "another object", with_checksum(b'{"a":1')
    yield (
        "members of other types",
        with_checksum(
            b'{"server":1,"event":[],"content":1,"length":"x","base":1,"type":null,"name":3,"owner":1,"time":1,"sha256":1'
        ),
    )
    yield "not UTF-8", whole.replace(b'"type"', b'"ty\xffe"')
    yield "deep", b"[" * 100_000 + b"\n"
    yield "twice", whole + b"x" + whole
    for end in chance.sample(range(len(whole) - 1), min(count, len(whole) - 1)):
        yield f"cut at {end}", whole[:end]
        yield f"zeros from {end}", whole[:end] + bytes(len(whole) - end)
    for at in chance.sample(range(len(whole)), min(count, len(whole))):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << chance.randrange(8)
        yield f"bit flipped at {at}", bytes(flipped)


@pytest.fixture
def events(client):
    """One event with everything, and one that must not suffer."""
    ids = [client.create_event(text=f"event {number}") for number in range(2)]
    for event_id in ids:
        client.post(client.binaries(event_id), b"0123456789", {"Content-Type": "text/plain"})
        chunk = {"Content-Type": "text/plain", "Content-Range": "0-2/9"}
        client.put(client.binaries(event_id), b"abc", chunk)
    return ids


def ask(client, method, path, **more):
    return client.request(path, method=method, expect_errors=True, **more)


def requests(client, event_id):
    """Ask everything that can be asked of an event without changing it; return the statuses by request."""
    event, binary = f"/event/events/{event_id}", client.binaries(event_id)
    return {
        "GET event": ask(client, "GET", event),
        "GET binary": ask(client, "GET", binary),
        "HEAD binary": ask(client, "HEAD", binary),
        "PUT event, if": ask(client, "PUT", event, body=b'{"text":"x"}', headers={"If-Match": '"other"'}),
        "chunk, if": ask(
            client,
            "PUT",
            binary,
            body=b"def",
            headers={"Content-Range": "3-5/9", "If-Match": '"other"', "Content-Type": "text/plain"},
        ),
    }


def told(answer):
    return answer.status_int, answer.body


def kinds(client):
    return {str(f.path.name): str(f.kind) for f in Check(Layout(client.root)).run()}


@pytest.mark.parametrize("name", FILES)
def test_damage_is_500_for_that_event_and_nothing_for_the_others(client, events, name, caplog, full, tally):
    victim, other = events
    path = next(client.root.glob(f"events/*/*/{victim}/{name}"))
    whole = path.read_bytes()
    sound = {k: told(v) for k, v in requests(client, victim).items()}
    others = {k: told(v) for k, v in requests(client, other).items()}
    chance, seen = random.Random(name), Counter()
    for damage, data in damages(whole, chance, 400 if full else 12):
        path.write_bytes(data)
        caplog.clear()
        with caplog.at_level(logging.ERROR, "c8ybin"):
            answers = requests(client, victim)
        statuses = {k: v.status_int for k, v in answers.items()}
        found = kinds(client)
        if 500 in statuses.values():
            assert str(path) in caplog.text, damage
            assert "Traceback" not in caplog.text, damage
            assert found[name].startswith("damaged"), damage
            seen["damaged"] += 1
        else:
            # A last line that does not fit is taken for a torn one, which says nothing.
            assert name != "event.json", damage
            assert found == {name: "torn line"}, damage
            seen["torn"] += 1
        for request, answer in answers.items():
            # Right or refused, never something else; a torn line may take the last chunk back.
            if answer.status_int != 500 and "torn line" not in found.values():
                assert told(answer) == sound[request], (damage, request)
            assert str(client.root).encode() not in answer.body
        is_damaged = statuses["GET event"] == 500
        assert is_damaged or name != "event.json", damage
        assert {k: told(v) for k, v in requests(client, other).items()} == others, damage
        listed = {event["id"] for event in client.get("/event/events").json["events"]}
        assert listed == ({other} if is_damaged else {victim, other}), damage
    path.write_bytes(whole)
    assert {k: told(v) for k, v in requests(client, victim).items()} == sound
    assert kinds(client) == {}
    tally("Damaged files", damages=seen.total(), lost=0, mixed=0)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_event_can_be_deleted(client, events, name):
    victim, other = events
    next(client.root.glob(f"events/*/*/{victim}/{name}")).write_bytes(b"\0" * 50)
    assert client.delete(f"/event/events/{victim}").status_int == 204
    assert kinds(client) == {}
    assert client.get(client.binaries(other)).body == b"0123456789"


@pytest.mark.parametrize("name", FILES)
def test_a_repaired_event_can_be_used_again(client, events, name):
    victim, _ = events
    next(client.root.glob(f"events/*/*/{victim}/{name}")).write_bytes(b"\0" * 50)
    assert all(f.done for f in Check(Layout(client.root), repair=client.store.repair()).run())
    assert kinds(client) == {}
    if name == "event.json":
        assert ask(client, "GET", f"/event/events/{victim}").status_int == 404
    else:
        assert client.put(client.binaries(victim), b"new", {"Content-Type": "text/plain"}).status_int == 201
        assert client.get(client.binaries(victim)).body == b"new"


def test_a_chunk_to_a_damaged_upload_is_500_and_nothing_is_lost_of_the_binary(client, events):
    victim, _ = events
    next(client.root.glob(f"events/*/*/{victim}/upload.journal")).write_bytes(b"\0" * 50)
    chunk = {"Content-Type": "text/plain", "Content-Range": "3-5/9"}
    assert ask(client, "PUT", client.binaries(victim), body=b"def", headers=chunk).status_int == 500
    assert client.get(client.binaries(victim)).body == b"0123456789"
    assert client.delete(client.binaries(victim)).status_int == 204
    assert client.post(client.binaries(victim), b"new", {"Content-Type": "text/plain"}).status_int == 201
