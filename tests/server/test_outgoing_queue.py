"""What a connection still has to send: order, segments, parts of files, files that are cold or cut short."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import pattern
from server_tools import MIB, PAGE_BYTES, cool, descriptors, pages_in_memory

from c8ybin.server.outgoing import JOINED_BYTES, WINDOW_BYTES, Cold, FilePart, Outgoing


class Content:
    """A file of an application, of which a span is to be sent."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.start, self.length, self.span = start, length, self
        self.closed = 0

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self.closed += 1
        os.close(self._fd)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(pattern(3 * MIB))
    return path


@pytest.fixture
def part(file: Path) -> Callable[..., FilePart]:
    """Return a maker of parts of a file."""

    def make(start: int, length: int) -> FilePart:
        part = FilePart(Content(file, start, length))
        assert part.prepare() == length
        return part

    return make


@pytest.fixture
def pairs() -> Iterator[Callable[..., tuple[socket.socket, socket.socket]]]:
    """Return a maker of connected sockets that do not block."""
    made: list[socket.socket] = []

    def make(kind: int = socket.SOCK_STREAM) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair(socket.AF_UNIX, kind)
        made.extend(pair)
        for end in pair:
            end.setblocking(False)
        return pair

    yield make
    for end in made:
        end.close()


Pairs = Callable[..., tuple[socket.socket, socket.socket]]
Parts = Callable[..., FilePart]


def sent(out: Outgoing, pairs: Pairs, *, may_wait: bool = True) -> bytes:
    """Send all of it to a reader that follows."""
    ours, theirs = pairs()
    got, total = b"", 0
    while out.length:
        total += out.send(ours, may_wait=may_wait)
        while True:
            try:
                got += theirs.recv(MIB)
            except BlockingIOError:
                break
    assert total == len(got)
    return got


@pytest.mark.parametrize("may_wait", [False, True])
def test_all_is_sent_in_its_order(pairs: Pairs, part: Parts, file: Path, may_wait: bool) -> None:
    data = file.read_bytes()
    out = Outgoing()
    expected = b""
    for piece in (b"a", (0, 5), b"b", b"c" * 100_000, (7, 2 * MIB), (1, JOINED_BYTES), b"d", b"e", (9, MIB)):
        if isinstance(piece, bytes):
            out.append(piece)
            expected += piece
        else:
            out.append(part(*piece))
            expected += data[piece[0] : sum(piece)]
    assert out.length == len(expected)
    assert sent(out, pairs, may_wait=may_wait) == expected


def test_a_header_and_a_short_file_are_one_segment_and_so_are_pieces(pairs: Pairs, part: Parts) -> None:
    ours, theirs = pairs(socket.SOCK_SEQPACKET)  # which keeps what was sent at once together
    out = Outgoing()
    out.append(b"header")
    out.append(part(3, 1000))
    out.append(b"one")
    out.append(b"two")
    out.send(ours, may_wait=False)
    assert len(theirs.recv(MIB)) == 6 + 1000
    assert theirs.recv(MIB) == b"onetwo"


def test_a_long_file_is_not_read(pairs: Pairs, part: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    real = os.preadv

    def counted(fd: int, buffers: list[memoryview], *more: int) -> int:
        lengths.append(sum(map(len, buffers)))
        return real(fd, buffers, *more)

    monkeypatch.setattr(os, "preadv", counted)
    out = Outgoing()
    out.append(b"header")
    out.append(part(0, 2 * MIB))
    assert len(sent(out, pairs, may_wait=False)) == 6 + 2 * MIB
    assert set(lengths) == {1}


@pytest.mark.parametrize("length", [JOINED_BYTES, 2 * MIB])
def test_a_file_that_became_shorter_breaks_off_and_is_closed(
    pairs: Pairs, part: Parts, file: Path, length: int
) -> None:
    for may_wait in (False, True):
        out = Outgoing()
        shorter = part(0, length)
        out.append(b"header")
        out.append(shorter)
        os.truncate(file, 1000)
        with pytest.raises(OSError, match="became shorter") as raised:
            sent(out, pairs, may_wait=may_wait)
        assert raised.value.errno == errno.EIO
        out.close()
        assert shorter.file.closed == 1
        file.write_bytes(pattern(3 * MIB))


@pytest.mark.parametrize("length", [1000, 2 * MIB])
def test_what_is_not_in_memory_is_left_to_who_may_wait(
    pairs: Pairs, part: Parts, file: Path, length: int
) -> None:
    cool(file)
    out = Outgoing()
    out.append(b"header")
    out.append(part(5, length))
    with pytest.raises(Cold):
        sent(out, pairs, may_wait=False)
    left = out.length
    assert left in (length, 6 + length)  # a long file's header goes first
    assert sent(out, pairs, may_wait=True) == (b"header" + file.read_bytes()[5 : 5 + length])[-left:]


def test_the_end_of_what_is_sent_at_once_must_be_in_memory_too(pairs: Pairs, part: Parts, file: Path) -> None:
    cool(file)
    with file.open("rb") as opened:
        os.pread(opened.fileno(), 4096, 0)
    if WINDOW_BYTES // PAGE_BYTES in pages_in_memory(file):
        pytest.skip("the kernel has read all of it ahead")
    out = Outgoing()
    out.append(part(0, 2 * MIB))
    with pytest.raises(Cold):
        sent(out, pairs, may_wait=False)


@pytest.mark.parametrize("gone", [False, True])
def test_every_file_is_closed_once(pairs: Pairs, part: Parts, gone: bool) -> None:
    before = descriptors()
    ours, theirs = pairs()
    out, parts = Outgoing(), [part(0, n) for n in (10, JOINED_BYTES, 2 * MIB, MIB)]
    for one in parts:
        out.append(b"header")
        out.append(one)
    if gone:
        theirs.close()
        with pytest.raises(ConnectionError):
            out.send(ours, may_wait=True)
        out.close()
    else:
        sent(out, pairs)
    out.close()
    assert [one.file.closed for one in parts] == [1] * 4
    assert out.length == 0
    assert descriptors() == before + (1 if gone else 4)


def test_a_full_socket_is_no_error(pairs: Pairs, part: Parts) -> None:
    ours, _ = pairs()
    for may_wait in (False, True):
        out = Outgoing()
        out.append(bytes(4 * MIB))
        out.append(part(0, 2 * MIB))
        while out.send(ours, may_wait=may_wait):
            pass
        assert out.send(ours, may_wait=may_wait) == 0
        out.close()


def test_what_tells_no_span_is_read_in_blocks(file: Path) -> None:
    with file.open("rb") as plain:
        part = FilePart(plain, 4096)
        assert part.prepare(100) == 0
        assert len(next(part)) == 4096


def test_no_more_is_sent_than_the_application_told(part: Parts) -> None:
    shorter = part(0, 1000)
    assert shorter.prepare(10) == 10
    assert shorter.read(may_wait=True) == pattern(10)
    shorter.close()
