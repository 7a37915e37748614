"""Downloads by the client's own code: what comes again and what does not, and what is found to be wrong."""

import hashlib
from collections.abc import Iterable

import pytest
from client_tools import StandIn, Way, proxied, stand_in
from harness import Connection as Direct
from harness import RunningServer, binaries, pattern

from c8ybin.client import (
    ClientError,
    Connection,
    Download,
    NoConnection,
    NotFound,
    Remote,
    WrongBytes,
)
from c8ybin.domain.digests import format_digest
from c8ybin.domain.sizes import MIB

DEMO_BASIC = "Basic ZGVtbzpkZW1v"


class Memory:
    """A sink in memory, with what an earlier attempt left of the attachment with a tag."""

    def __init__(self, here: bytes = b"", tag: str | None = None) -> None:
        self.data = bytearray()
        self._here, self._tag = here, tag
        self.begun: list[Remote] = []

    def begin(self, remote: Remote) -> Iterable[bytes]:
        self.begun.append(remote)
        if remote.tag and remote.tag == self._tag:
            self.data += self._here
            return [self._here]
        return []

    def write(self, data: bytes) -> None:
        self.data += data

    def restart(self) -> None:
        self.data.clear()
        self._here = b""


def attached(direct: Direct, data: bytes) -> tuple[str, str]:
    """Attach bytes to a new event; return its ID and the entity tag."""
    event_id = direct.create_event()
    direct.ask("POST", binaries(event_id), data)
    tag = direct.ask("HEAD", binaries(event_id))[0].getheader("ETag")
    assert tag
    return event_id, tag


def test_it_is_whole_and_held_against_the_digest(demo_server: RunningServer, direct: Direct) -> None:
    data = pattern(MIB)
    event_id, tag = attached(direct, data)
    counted: list[int] = []
    sink = Memory()
    with Connection(demo_server.url, DEMO_BASIC) as connection:
        fetched = Download(connection, event_id, sink, lambda n, _: counted.append(n)).run()
    assert (bytes(sink.data), fetched.length, fetched.resumed, fetched.verified) == (data, MIB, 0, True)
    assert sum(counted) == MIB
    assert fetched.remote.tag == tag


def test_an_empty_one_is_whole_too(demo_server: RunningServer, direct: Direct) -> None:
    event_id, _ = attached(direct, b"")
    with Connection(demo_server.url, DEMO_BASIC) as connection:
        assert Download(connection, event_id, Memory()).run().length == 0


@pytest.mark.parametrize("here", [1, 700_000, MIB])
def test_what_is_here_already_does_not_come_again(
    demo_server: RunningServer, direct: Direct, here: int
) -> None:
    data = pattern(MIB)
    event_id, tag = attached(direct, data)
    sink = Memory(data[:here], tag)
    with Connection(demo_server.url, DEMO_BASIC) as connection:
        fetched = Download(connection, event_id, sink).run()
    assert (bytes(sink.data), fetched.resumed, fetched.verified) == (data, here, True)


@pytest.mark.parametrize("here", [700_000, MIB])
def test_what_is_here_and_damaged_comes_again(demo_server: RunningServer, direct: Direct, here: int) -> None:
    data = pattern(MIB)
    event_id, tag = attached(direct, data)
    sink = Memory(bytes(here), tag)
    told: list[str] = []
    with Connection(demo_server.url, DEMO_BASIC, tell=told.append) as connection:
        fetched = Download(connection, event_id, sink).run()
    assert (bytes(sink.data), fetched.verified) == (data, True)
    assert "damaged" in told[0]


def test_each_cut_costs_only_what_was_on_its_way(demo_server: RunningServer, direct: Direct) -> None:
    data = pattern(4 * MIB)
    event_id, _ = attached(direct, data)
    ways = [Way(down=0), *(Way(down=300_000) for _ in range(8)), Way(up=3)]
    sink = Memory()
    with proxied(demo_server.port, ways) as proxy, Connection(proxy.url, DEMO_BASIC) as connection:
        fetched = Download(connection, event_id, sink).run()
        assert proxy.cuts == len(ways)
    assert (bytes(sink.data), fetched.verified) == (data, True)
    # It began once: the rest was asked for by Range.
    assert len(sink.begun) == 1


def test_one_that_is_replaced_meanwhile_begins_anew(demo_server: RunningServer, direct: Direct) -> None:
    event_id, _ = attached(direct, pattern(4 * MIB))
    new = pattern(3 * MIB)[::-1]

    def replace(_: str) -> None:
        digest = format_digest(hashlib.sha256(new).digest())
        assert direct.ask("PUT", binaries(event_id), new, Repr_Digest=digest)[0].status == 201

    sink = Memory()
    with (
        proxied(demo_server.port, [Way(down=2_000_000)]) as proxy,
        Connection(proxy.url, DEMO_BASIC, tell=replace) as connection,
    ):
        fetched = Download(connection, event_id, sink).run()
    assert (bytes(sink.data), fetched.verified) == (new, True)
    assert len(sink.begun) == 2


def test_a_connection_that_never_lasts_is_given_up(demo_server: RunningServer, direct: Direct) -> None:
    event_id, _ = attached(direct, pattern(MIB))
    ways = [Way(down=400)] * 9
    with (
        proxied(demo_server.port, ways) as proxy,
        Connection(proxy.url, DEMO_BASIC, retries=2) as connection,
        pytest.raises(NoConnection),
    ):
        Download(connection, event_id, Memory()).run()


def test_there_is_nothing_to_fetch(demo_server: RunningServer, direct: Direct) -> None:
    event_id = direct.create_event()
    with Connection(demo_server.url, DEMO_BASIC) as connection, pytest.raises(NotFound):
        Download(connection, event_id, Memory()).run()


def test_a_digest_that_was_not_known_yet_is_asked_for_at_the_end() -> None:
    with stand_in() as other:
        other.binary, other.headers = b"data", {"ETag": '"1"'}
        sink = Memory()
        begin = sink.begin

        def known_later(remote: Remote) -> Iterable[bytes]:
            other.headers["Repr-Digest"] = format_digest(hashlib.sha256(b"data").digest())
            return begin(remote)

        sink.begin = known_later  # type: ignore[method-assign]
        assert fetch(other, sink)


def fetch(other: StandIn, sink: Memory) -> bool:
    with Connection(other.url) as connection:
        return Download(connection, "7", sink).run().verified


def test_a_server_without_tag_and_digest_is_fetched_from_the_beginning() -> None:
    with stand_in() as other:
        other.binary = pattern(MIB)
        sink = Memory()
        port = int(other.url.rpartition(":")[2])
        with proxied(port, [Way(down=500_000)]) as proxy, Connection(proxy.url) as connection:
            fetched = Download(connection, "7", sink).run()
        assert (bytes(sink.data) == other.binary, fetched.verified) == (True, False)
        assert len(sink.begun) == 2


def test_a_weak_tag_is_none() -> None:
    with stand_in() as other:
        other.binary, other.headers = b"data", {"ETag": 'W/"1"'}
        sink = Memory()
        fetch(other, sink)
        assert sink.begun[0].tag is None


def test_other_bytes_than_the_digest_says_are_found_out() -> None:
    with stand_in() as other:
        other.binary = b"data"
        other.headers = {"Repr-Digest": format_digest(bytes(32))}
        with pytest.raises(WrongBytes):
            fetch(other, Memory())


def test_a_part_that_was_not_asked_for_is_refused() -> None:
    """A server that takes no Range, but says 206."""
    with stand_in() as other:
        other.binary, other.headers = b"0123456789", {"ETag": '"1"', "Content-Range": "bytes 0-9/10"}
        other.download_status = 206
        with pytest.raises(ClientError, match="another part"):
            fetch(other, Memory(b"0123", '"1"'))


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ('attachment; filename="a.txt"', "a.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ("attachment; filename*=UTF-8''%E2%82%AC.txt", "€.txt"),
        ('attachment; filename=".."', None),
        ('attachment; filename="a\x1b[31mb"', "a[31mb"),
        ("attachment", None),
    ],
)
def test_the_name_of_a_stranger_is_made_safe(field: str, name: str | None) -> None:
    with stand_in() as other:
        other.binary, other.headers = b"data", {"Content_Disposition": field}
        sink = Memory()
        fetch(other, sink)
        assert sink.begun[0].name == name
