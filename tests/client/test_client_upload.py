"""Uploads by the client's own code, to a real server: what arrives, what is sent again and what is not."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from client_tools import Way, proxied, stand_in
from harness import Connection as Direct
from harness import RunningServer, binaries, pattern

from c8ybin.client import (
    AttachmentExists,
    Connection,
    FileChanged,
    NoConnection,
    NotAllowed,
    NotFound,
    Refused,
    Source,
    Upload,
    WrongBytes,
)
from c8ybin.client.patience import LONGEST_ASKED_S
from c8ybin.client.upload import PROBE_BYTES
from c8ybin.domain.sizes import KIB, MIB

DEMO_BASIC = "Basic ZGVtbzpkZW1v"
CHUNK = 256 * KIB
Maker = Callable[..., Source]


@contextmanager
def client_of(url: str, **more: object) -> Iterator[Connection]:
    with Connection(url, DEMO_BASIC, **more) as connection:  # type: ignore[arg-type]
        yield connection


def begin(direct: Direct, event_id: str, data: bytes, *ranges: str) -> None:
    """Send some chunks by hand."""
    for text in ranges:
        start, stop = map(int, text.partition("/")[0].split("-"))
        answer, _ = direct.ask("POST", binaries(event_id), data[start : stop + 1], Content_Range=text)
        assert answer.status == 200


def event(direct: Direct, event_id: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(direct.ask("GET", f"/event/events/{event_id}")[1])
    return document


def test_a_short_file_goes_whole_with_its_name_and_type(
    demo_server: RunningServer, direct: Direct, source: Maker
) -> None:
    event_id = direct.create_event()
    with client_of(demo_server.url) as connection:
        sent = Upload(connection, event_id, source(b"hello", 'ä "q".txt', "text/plain; charset=utf-8")).run()
    assert (sent.sent, sent.verified, sent.was_there) == (5, True, False)
    answer, body = direct.ask("GET", binaries(event_id))
    assert body == b"hello"
    assert answer.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert event(direct, event_id)["c8y_IsBinary"] == {
        "type": "text/plain; charset=utf-8",
        "name": 'ä "q".txt',
        "length": 5,
    }


@pytest.mark.parametrize("length", [CHUNK + 1, 3 * CHUNK, 2 * MIB + 17])
@pytest.mark.parametrize("parallel", [1, 4])
def test_a_long_file_goes_in_chunks(
    demo_server: RunningServer, direct: Direct, source: Maker, length: int, parallel: int
) -> None:
    data, event_id = pattern(length), direct.create_event()
    counted: list[int] = []
    with client_of(demo_server.url) as connection:
        upload = Upload(
            connection, event_id, source(data), chunk_bytes=CHUNK, parallel=parallel, count=counted.append
        )
        assert upload.run().sent == length
    assert sum(counted) == length
    assert direct.ask("GET", binaries(event_id))[1] == data
    assert "c8y_IsIncompleteBinary" not in event(direct, event_id)


def test_an_empty_file_can_be_sent(demo_server: RunningServer, direct: Direct, source: Maker) -> None:
    event_id = direct.create_event()
    with client_of(demo_server.url) as connection:
        assert Upload(connection, event_id, source(b"")).run().verified
    assert direct.ask("GET", binaries(event_id))[1] == b""


def test_only_what_is_missing_is_sent(demo_server: RunningServer, direct: Direct, source: Maker) -> None:
    data, event_id = pattern(MIB), direct.create_event()
    begin(direct, event_id, data, f"0-{CHUNK - 1}/*", f"{2 * CHUNK}-{3 * CHUNK - 1}/*")
    with client_of(demo_server.url) as connection:
        sent = Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run()
    assert sent.sent == 2 * CHUNK + PROBE_BYTES
    assert direct.ask("GET", binaries(event_id))[1] == data


@pytest.mark.parametrize("told", ["*", str(MIB)])
def test_other_bytes_that_were_begun_are_not_mixed_in(
    demo_server: RunningServer, direct: Direct, source: Maker, told: str
) -> None:
    data, event_id = pattern(MIB), direct.create_event()
    begin(direct, event_id, bytes(MIB), f"0-{CHUNK - 1}/{told}", f"{2 * CHUNK}-{3 * CHUNK - 1}/{told}")
    with client_of(demo_server.url) as connection:
        assert Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run().sent == MIB
    assert direct.ask("GET", binaries(event_id))[1] == data


@pytest.mark.parametrize(
    "begun",
    [
        # Equal where it is looked at first, and of another length.
        (f"0-{CHUNK - 1}/{2 * MIB}",),
        # Longer already.
        (f"0-{CHUNK - 1}/*", f"{MIB}-{MIB + 9}/*"),
    ],
)
def test_a_file_that_grew_since_it_was_begun_is_sent_whole(
    demo_server: RunningServer, direct: Direct, source: Maker, begun: tuple[str, ...]
) -> None:
    data, event_id = pattern(MIB), direct.create_event()
    begin(direct, event_id, data + bytes(MIB), *begun)
    told: list[str] = []
    with client_of(demo_server.url, tell=told.append) as connection:
        assert Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run().verified
    assert direct.ask("GET", binaries(event_id))[1] == data
    assert "Sending the file whole" in told[0]


def test_a_digest_that_differs_at_the_end_lets_it_be_sent_whole(
    demo_server: RunningServer, direct: Direct, source: Maker
) -> None:
    data, event_id = pattern(MIB), direct.create_event()
    # Equal at the beginning and unlike in the middle, which nobody looks at again.
    begin(
        direct, event_id, data[:CHUNK] + bytes(MIB), f"0-{CHUNK - 1}/{MIB}", f"{CHUNK}-{2 * CHUNK - 1}/{MIB}"
    )
    with client_of(demo_server.url) as connection:
        assert Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run().verified
    assert direct.ask("GET", binaries(event_id))[1] == data


def test_what_is_attached_stays_unless_it_is_to_be_replaced(
    demo_server: RunningServer, direct: Direct, source: Maker
) -> None:
    event_id = direct.create_event()
    direct.ask("POST", binaries(event_id), b"first")
    with client_of(demo_server.url) as connection:
        for data in (b"other", b"longer than that", pattern(MIB)):
            with pytest.raises(AttachmentExists):
                Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run()
        assert direct.ask("GET", binaries(event_id))[1] == b"first"
        for data in (b"other", pattern(MIB)):
            assert Upload(connection, event_id, source(data), chunk_bytes=CHUNK, replaces=True).run().verified
            assert direct.ask("GET", binaries(event_id))[1] == data


def test_the_same_file_again_is_done_already(
    demo_server: RunningServer, direct: Direct, source: Maker
) -> None:
    event_id, data = direct.create_event(), pattern(MIB)
    with client_of(demo_server.url) as connection:
        Upload(connection, event_id, source(data), chunk_bytes=CHUNK).run()
        for replaces in (False, True):
            sent = Upload(connection, event_id, source(data), chunk_bytes=CHUNK, replaces=replaces).run()
            assert (sent.sent, sent.was_there, sent.verified) == (0, True, True)
        # Under another name it is to be sent, where it is to be replaced.
        assert not Upload(connection, event_id, source(data, "new name"), replaces=True).run().was_there
    assert event(direct, event_id)["c8y_IsBinary"]["name"] == "new name"  # type: ignore[index]


def test_a_connection_that_is_cut_again_and_again_delays_it_only(
    demo_server: RunningServer, direct: Direct, source: Maker
) -> None:
    data, event_id = pattern(2 * MIB), direct.create_event()
    ways = [Way(up=1), *(Way(up=70_000 * n) for n in range(1, 6)), Way(down=10), Way(down=0)]
    told: list[str] = []
    counted: list[int] = []
    with proxied(demo_server.port, ways) as proxy, client_of(proxy.url, tell=told.append) as connection:
        upload = Upload(
            connection, event_id, source(data), chunk_bytes=CHUNK, parallel=2, count=counted.append
        )
        assert upload.run().verified
        assert proxy.cuts == len(ways)
    assert sum(counted) == len(data)
    assert all("Trying again" in text for text in told)
    assert direct.ask("GET", binaries(event_id))[1] == data


@pytest.mark.parametrize("length", [10, MIB])
@pytest.mark.parametrize("replaces", [False, True])
def test_an_answer_that_is_lost_is_no_loss(
    demo_server: RunningServer, direct: Direct, source: Maker, length: int, replaces: bool
) -> None:
    data, event_id = pattern(length), direct.create_event()
    if replaces:
        direct.ask("POST", binaries(event_id), b"before")
    for down in (0, 700, 1300, 2100):  # within the answers, one of them the last
        with proxied(demo_server.port, [Way(down=down)]) as proxy, client_of(proxy.url) as connection:
            upload = Upload(
                connection, event_id, source(data), chunk_bytes=CHUNK, parallel=1, replaces=replaces
            )
            assert upload.run().verified
        assert direct.ask("GET", binaries(event_id))[1] == data
        document = event(direct, event_id)
        assert "c8y_IsIncompleteBinary" not in document
        if replaces:
            direct.ask("PUT", binaries(event_id), b"before")
        else:
            direct.ask("DELETE", binaries(event_id))


def test_a_file_that_changes_meanwhile_is_not_attached(
    demo_server: RunningServer, direct: Direct, source: Maker, tmp_path: Path
) -> None:
    for length, act in (
        (10, lambda path: path.write_bytes(b"unlike this")),
        (MIB, lambda path: path.write_bytes(bytes(MIB))),
        (MIB, lambda path: os.truncate(path, CHUNK)),
    ):
        event_id = direct.create_event()
        made = source(pattern(length))
        act(Path(os.readlink(f"/proc/self/fd/{made.fd}")))
        with client_of(demo_server.url) as connection, pytest.raises(FileChanged):
            Upload(connection, event_id, made, chunk_bytes=CHUNK).run()
        assert direct.ask("GET", binaries(event_id))[0].status == 404


@pytest.mark.parametrize(
    ("authorization", "event_id", "error"),
    [(DEMO_BASIC, "1", NotFound), ("Basic eDp5", "1", NotAllowed), (DEMO_BASIC, "../../x", NotFound)],
)
def test_refusals_are_told_apart(
    demo_server: RunningServer, source: Maker, authorization: str, event_id: str, error: type[Exception]
) -> None:
    with Connection(demo_server.url, authorization) as connection, pytest.raises(error):
        Upload(connection, event_id, source(b"x")).run()


def test_too_long_a_file_is_one_sentence(demo_server: RunningServer, direct: Direct, source: Maker) -> None:
    event_id = direct.create_event()
    with client_of(demo_server.url) as connection, pytest.raises(Refused, match="50 MiB") as refused:
        Upload(connection, event_id, source(bytes(50 * MIB + 1))).run()
    assert refused.value.status == 413


def test_a_server_that_was_never_reached_is_not_tried_again() -> None:
    told: list[str] = []
    with client_of("http://127.0.0.1:1", tell=told.append) as connection, pytest.raises(NoConnection):
        connection.ask("GET", "/event")
    assert told == []


def test_another_server_gets_a_form_and_no_chunks(source: Maker) -> None:
    data = pattern(MIB)
    with stand_in() as other, client_of(other.url) as connection:
        sent = Upload(connection, "7", source(data, 'a "b".txt'), chunk_bytes=CHUNK).run()
        assert (sent.sent, sent.verified) == (MIB, False)
        assert other.binary == data
        assert other.name == r"a \"b\".txt"
        assert not any("Content-Range" in fields for _, _, fields in other.seen)
        # It tells no digest, so its bytes are compared.
        again = Upload(connection, "7", source(data, 'a "b".txt')).run()
        assert (again.sent, again.was_there) == (0, True)
        with pytest.raises(AttachmentExists):
            Upload(connection, "7", source(b"other")).run()
        assert Upload(connection, "7", source(b"other"), replaces=True).run().sent == 5
        assert other.binary == b"other"
        assert other.methods()[-1] == "PUT"


def test_a_server_that_refuses_chunks_gets_the_file_whole(source: Maker) -> None:
    data = pattern(MIB)
    with stand_in() as other, client_of(other.url) as connection:
        other.title = "c8ybin"
        sent = Upload(connection, "7", source(data), chunk_bytes=CHUNK).run()
        # Once in a chunk, once whole; its digest is one of the bytes that it sends back.
        assert other.methods() == ["POST", "POST", "HEAD", "GET"]
        assert (sent.sent, sent.verified, other.binary == data) == (MIB, True, True)


def test_passing_trouble_is_waited_out_as_long_as_the_server_says(source: Maker) -> None:
    with stand_in() as other:
        told: list[str] = []
        with client_of(other.url, tell=told.append) as connection:
            assert not connection.is_c8ybin
            other.refuse = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"}), (502, {})]
            Upload(connection, "7", source(b"data")).run()
            assert len(told) == 3
            assert "Not now." in told[0]
            other.refuse = [(503, {"Retry-After": str(int(LONGEST_ASKED_S) + 1)})]
            with pytest.raises(Refused, match="503"):
                connection.ask("GET", "/event/events/7")
            other.refuse = [(500, {})]
            with pytest.raises(Refused, match="500"):
                connection.ask("GET", "/event/events/7")


def test_what_may_not_happen_twice_is_asked_once(source: Maker) -> None:
    with stand_in() as other, client_of(other.url) as connection:
        connection.ask("GET", "/event/events/7")
        for status, calls in ((502, 1), (503, 2)):
            other.seen.clear()
            other.refuse = [(status, {"Retry-After": "0"}), (404, {})]
            with pytest.raises(Refused):
                connection.ask("POST", "/event/events", once=True)
            assert len(other.seen) == calls
        with proxied(int(other.url.rpartition(":")[2]), [Way(down=0)]) as proxy, client_of(proxy.url) as cut:
            other.seen.clear()
            with pytest.raises(NoConnection, match="may be done all the same"):
                cut.ask("POST", "/event/events", once=True)


def test_a_server_that_has_other_bytes_than_were_sent_is_found_out(source: Maker) -> None:
    with stand_in() as other, client_of(other.url) as connection:
        other.binary = b"what"
        other.title = None
        assert not connection.is_c8ybin
        upload = Upload(connection, "7", source(b"abcd"), replaces=True)
        with pytest.raises(WrongBytes):
            upload._verify()


def test_a_server_that_asks_for_patience_can_be_left(source: Maker) -> None:
    stop = threading.Event()
    with stand_in() as other:
        other.refuse = [(503, {"Retry-After": "200"})]
        with (
            client_of(other.url, tell=lambda _: stop.set()) as connection,
            pytest.raises(Exception, match="stopped"),
        ):
            connection.ask("GET", "/event/events/7", stop=stop)
