"""Raw bodies: whole ones in files of their own, chunks in spools that are used again."""

import contextlib
import hashlib
import os

import pytest
from harness import pattern
from hypothesis import given, settings
from hypothesis import strategies as st

from c8ybin.bodies import HASHED_ON_ARRIVAL, Intake, Stated, digests_of
from c8ybin.bodies.intake import MAX_BINARY, MAX_CHUNK
from c8ybin.domain.errors import DigestMismatch, TooLarge, Unreadable
from c8ybin.domain.labels import Label
from c8ybin.domain.ranges import ContentRange, Span
from c8ybin.fsio import COPY_BYTES

LABEL = Label("text/plain", "x.txt")


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def chunk_of(length):
    return ContentRange(Span(100, 100 + length), None)


def fed(receiver, *pieces):
    """Feed a receiver to its end."""
    with receiver:
        for piece in pieces:
            receiver.feed(piece)
        return receiver.finish()


def sha256(data):
    return {"sha-256": hashlib.sha256(data).digest()}


@pytest.fixture()
def synced(monkeypatch):
    """The length of each file at the moment it is fsynced; the fsync happens."""
    lengths = []
    fsync = os.fsync

    def record(fd):
        lengths.append(os.fstat(fd).st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record)
    return lengths


def test_limits_are_those_of_the_contract_unless_told(tmp_path):
    intake = Intake(tmp_path)
    assert (intake.max_binary, intake.max_chunk) == (MAX_BINARY, MAX_CHUNK)
    assert (MAX_BINARY, MAX_CHUNK) == (50 * 1024 * 1024, 5 * 1024 * 1024)
    assert files(tmp_path) == []


class TestWhole:
    @given(st.lists(st.binary(max_size=50), max_size=8))
    @settings(max_examples=50)
    def test_is_a_file_of_the_bytes_in_their_order(self, new_intake, pieces):
        intake, folder = new_intake()
        received = fed(intake.whole(LABEL, ()), *pieces)
        content = b"".join(pieces)
        with received.body as body:
            assert received.label == LABEL
            assert body.length == len(content)
            assert body.path.read_bytes() == content
            assert body.digests == sha256(content)
        assert files(folder) == []

    def test_takes_views(self, tmp_path):
        with fed(Intake(tmp_path).whole(LABEL, ()), memoryview(b"abc")).body as body:
            assert body.read_at(10, 0) == b"abc"

    def test_may_have_as_many_bytes_as_the_limit_but_not_one_more(self, tmp_path):
        intake = Intake(tmp_path, max_binary=10, max_chunk=3)
        fed(intake.whole(LABEL, ()), b"12345", b"67890").body.close()
        with pytest.raises(TooLarge, match="A file may have at most 10 bytes"):
            fed(intake.whole(LABEL, ()), b"12345", b"678901")
        assert files(tmp_path) == []

    def test_over_the_limit_is_refused_before_it_ends(self, tmp_path):
        with Intake(tmp_path, max_binary=10).whole(LABEL, ()) as receiver, pytest.raises(TooLarge):
            receiver.feed(b"12345678901")

    def test_is_not_durable_when_it_is_given_away_and_says_so_until_it_is(self, tmp_path, synced):
        with fed(Intake(tmp_path).whole(LABEL, ()), b"12", b"3").body as body:
            assert (synced, body.unsynced) == ([], (body.fd,))
            body.make_durable()
            assert (synced, body.unsynced) == ([3], ())

    def test_each_has_a_file_of_its_own(self, tmp_path):
        intake = Intake(tmp_path)
        with (
            fed(intake.whole(LABEL, ()), b"one").body as one,
            fed(intake.whole(LABEL, ()), b"two").body as two,
        ):
            assert (one.read_at(9, 0), two.read_at(9, 0)) == (b"one", b"two")
            assert len(files(tmp_path)) == 2
        assert files(tmp_path) == []


class TestChunk:
    def test_holds_exactly_the_bytes_of_its_range(self, tmp_path):
        received = fed(Intake(tmp_path).chunk(chunk_of(6), LABEL, ()), b"123", b"456")
        with received.body as body:
            assert received.label == LABEL
            assert (body.length, body.read_at(99, 0), body.digests) == (6, b"123456", sha256(b"123456"))

    def test_that_is_shorter_is_unreadable(self, tmp_path):
        with pytest.raises(Unreadable, match="fewer bytes"):
            fed(Intake(tmp_path).chunk(chunk_of(6), LABEL, ()), b"123", b"45")

    def test_that_is_empty_is_unreadable(self, tmp_path):
        with pytest.raises(Unreadable, match="fewer bytes"):
            fed(Intake(tmp_path).chunk(chunk_of(1), LABEL, ()))

    def test_that_is_longer_is_unreadable_before_it_ends(self, tmp_path):
        with Intake(tmp_path).chunk(chunk_of(6), LABEL, ()) as receiver:
            receiver.feed(b"123456")
            with pytest.raises(Unreadable, match="more bytes"):
                receiver.feed(b"7")

    def test_has_a_limit_of_its_own(self, tmp_path):
        intake = Intake(tmp_path, max_binary=3, max_chunk=10)
        fed(intake.chunk(chunk_of(10), LABEL, ()), b"1234567890").body.close()
        with pytest.raises(TooLarge, match="A chunk may have at most 10 bytes"):
            fed(intake.chunk(chunk_of(11), LABEL, ()), b"12345678901")

    def test_is_not_made_durable_for_it_is_copied(self, tmp_path, synced):
        with fed(Intake(tmp_path).chunk(chunk_of(3), LABEL, ()), b"123").body:
            assert synced == []


class TestSpool:
    def test_is_used_again_and_gives_a_shorter_chunk_only_its_own_bytes(self, tmp_path):
        intake = Intake(tmp_path)
        fed(intake.chunk(chunk_of(9), LABEL, ()), b"longer 12").body.close()
        (spool,) = files(tmp_path)
        with fed(intake.chunk(chunk_of(3), LABEL, ()), b"abc").body as body:
            assert files(tmp_path) == [spool]
            assert (body.length, body.digests) == (3, sha256(b"abc"))
            assert body.read_at(99, 0) == b"abc"
            assert body.read_at(99, 2) == b"c"
            assert body.read_at(99, 3) == b""
            assert body.read_at(99, 5) == b""

    def test_is_used_again_after_a_failure(self, tmp_path):
        intake = Intake(tmp_path)
        with pytest.raises(Unreadable):
            fed(intake.chunk(chunk_of(9), LABEL, ()), b"short")
        with fed(intake.chunk(chunk_of(3), LABEL, ()), b"abc").body as body:
            assert body.read_at(99, 0) == b"abc"
            assert len(files(tmp_path)) == 1

    def test_is_never_shared_by_two_chunks_at_once(self, tmp_path):
        intake = Intake(tmp_path)
        with (
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"abc").body as one,
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"def").body as two,
        ):
            assert (one.read_at(9, 0), two.read_at(9, 0)) == (b"abc", b"def")
        with (
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"ghi").body as one,
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"jkl").body as two,
        ):
            assert (one.read_at(9, 0), two.read_at(9, 0)) == (b"ghi", b"jkl")
        assert len(files(tmp_path)) == 2

    def test_is_not_the_file_of_a_whole_body(self, tmp_path):
        intake = Intake(tmp_path)
        fed(intake.chunk(chunk_of(9), LABEL, ()), b"longer 12").body.close()
        with fed(intake.whole(LABEL, ()), b"abc").body as body:
            assert body.path.read_bytes() == b"abc"

    @given(st.lists(st.binary(min_size=1, max_size=30), max_size=8))
    @settings(max_examples=40)
    def test_gives_every_chunk_its_own_bytes_whatever_came_before(self, new_intake, contents):
        intake, folder = new_intake()
        for content in contents:
            with fed(intake.chunk(chunk_of(len(content)), LABEL, ()), content).body as body:
                assert body.read_at(99, 0) == content
                assert body.digests == sha256(content)
        assert len(files(folder)) == min(1, len(contents))


class TestClose:
    def test_lets_the_spools_go_and_new_ones_can_be_made(self, tmp_path):
        intake = Intake(tmp_path)
        before = os.listdir("/proc/self/fd")
        with (
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"abc").body,
            fed(intake.chunk(chunk_of(3), LABEL, ()), b"def").body,
        ):
            pass
        assert len(files(tmp_path)) == 2
        intake.close()
        intake.close()
        assert files(tmp_path) == []
        assert os.listdir("/proc/self/fd") == before
        with fed(intake.chunk(chunk_of(3), LABEL, ()), b"ghi").body as body:
            assert body.read_at(9, 0) == b"ghi"


class TestDigests:
    CONTENT = b"content"

    @pytest.fixture(params=["whole", "chunk"])
    def begin(self, request, tmp_path):
        intake = Intake(tmp_path)
        if request.param == "whole":
            return lambda stated: intake.whole(LABEL, stated)
        return lambda stated: intake.chunk(chunk_of(len(self.CONTENT)), LABEL, stated)

    def test_that_match_are_taken_and_given_on(self, begin):
        digests = {a: hashlib.new(a.replace("-", ""), self.CONTENT).digest() for a in ("sha-256", "sha-512")}
        stated = Stated("Content-Digest", digests), Stated("Repr-Digest", {"sha-512": digests["sha-512"]})
        with fed(begin(stated), self.CONTENT).body as body:
            assert body.digests == digests

    @pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
    @pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
    def test_that_differ_are_a_mismatch_and_nothing_is_left(self, begin, field, algorithm, tmp_path):
        wrong = hashlib.new(algorithm.replace("-", ""), b"other").digest()
        with pytest.raises(DigestMismatch, match=field):
            fed(begin((Stated("Other", {}), Stated(field, {algorithm: wrong}))), self.CONTENT)
        assert [name for name in files(tmp_path) if not name.startswith("spool")] == []


class TestOurDigest:
    LONG = bytes(HASHED_ON_ARRIVAL + 1)

    @pytest.mark.parametrize("pieces", [[LONG[1:]], [LONG[:500_000], LONG[500_001:]]])
    def test_is_made_of_a_body_up_to_the_limit_as_it_arrives(self, tmp_path, pieces):
        with fed(Intake(tmp_path).whole(LABEL, ()), *pieces).body as body:
            assert (body.length, body.digests) == (HASHED_ON_ARRIVAL, sha256(self.LONG[1:]))

    @pytest.mark.parametrize("pieces", [[LONG], [LONG[:-1], LONG[-1:]], [LONG[:1], LONG[1:], LONG]])
    def test_is_left_for_later_beyond_it(self, tmp_path, pieces):
        with fed(Intake(tmp_path).whole(LABEL, ()), *pieces).body as body:
            assert body.digests == {}

    def test_is_made_as_it_arrives_where_the_client_stated_it(self, tmp_path):
        stated = (Stated("Content-Digest", sha256(self.LONG)),)
        with fed(Intake(tmp_path).whole(LABEL, stated), self.LONG[:9], self.LONG[9:]).body as body:
            assert body.digests == sha256(self.LONG)

    def test_is_left_for_later_where_the_client_stated_another(self, tmp_path):
        digests = {"sha-512": hashlib.sha512(self.LONG).digest()}
        with fed(Intake(tmp_path).whole(LABEL, (Stated("x", digests),)), self.LONG).body as body:
            assert body.digests == digests

    def test_is_made_of_every_chunk(self, tmp_path):
        with fed(Intake(tmp_path).chunk(chunk_of(len(self.LONG)), LABEL, ()), self.LONG).body as body:
            assert body.digests == sha256(self.LONG)


class TestDigestsOf:
    @pytest.mark.parametrize("span", [(0, None), (0, 0), (7, 7), (1, COPY_BYTES + 1), (COPY_BYTES - 1, None)])
    def test_a_file_are_those_of_the_bytes_from_start_to_stop(self, tmp_path, span):
        data = pattern(3 * COPY_BYTES + 5)
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as file:
            found = digests_of(file.fileno(), ["sha-256", "sha-512"], *span)
        part = data[slice(*span)]
        assert found == sha256(part) | {"sha-512": hashlib.sha512(part).digest()}

    def test_a_file_that_ends_before_stop_are_those_of_what_is_there(self, tmp_path):
        (tmp_path / "file").write_bytes(b"abc")
        with (tmp_path / "file").open("rb") as file:
            assert digests_of(file.fileno(), ["sha-256"], 1, 9) == sha256(b"bc")


class TestNothingIsLeft:
    def test_where_the_block_ends_without_a_finish(self, tmp_path):
        with Intake(tmp_path).whole(LABEL, ()) as receiver:
            receiver.feed(b"123")
            assert len(files(tmp_path)) == 1
        assert files(tmp_path) == []

    def test_where_the_block_raises(self, tmp_path):
        with pytest.raises(ConnectionError), Intake(tmp_path).whole(LABEL, ()) as receiver:
            receiver.feed(b"123")
            raise ConnectionError
        assert files(tmp_path) == []

    def test_open_when_bodies_come_and_fail(self, tmp_path):
        intake = Intake(tmp_path, max_binary=10)
        fed(intake.chunk(chunk_of(3), LABEL, ()), b"123").body.close()
        before = os.listdir("/proc/self/fd")
        for content in (b"1234567890", b"12345678901"):
            with contextlib.suppress(TooLarge):
                fed(intake.whole(LABEL, ()), content).body.close()
            with contextlib.suppress(Unreadable):
                fed(intake.chunk(chunk_of(10), LABEL, ()), content).body.close()
            with contextlib.suppress(Unreadable, TooLarge):
                fed(intake.form(None, ()), content).body.close()
        assert os.listdir("/proc/self/fd") == before


class TestReceivedBody:
    def test_is_moved_into_place_once(self, tmp_path):
        (tmp_path / "writer").mkdir()
        with fed(Intake(tmp_path / "writer").whole(LABEL, ()), b"123").body as body:
            body.move_to(tmp_path / "target")
            assert body.path is None
            assert body.read_at(9, 0) == b"123"
            with pytest.raises(ValueError, match="moved already"):
                body.move_to(tmp_path / "other")
        assert (tmp_path / "target").read_bytes() == b"123"
        assert files(tmp_path / "writer") == []

    def test_that_could_not_be_moved_is_removed_in_the_end(self, tmp_path):
        (tmp_path / "writer").mkdir()
        with fed(Intake(tmp_path / "writer").whole(LABEL, ()), b"123").body as body:
            with pytest.raises(FileNotFoundError):
                body.move_to(tmp_path / "missing" / "target")
            assert body.path.read_bytes() == b"123"
        assert files(tmp_path / "writer") == []

    @given(st.binary(max_size=20), st.integers(0, 30), st.integers(0, 30))
    @settings(max_examples=50)
    def test_is_read_as_slices_are(self, new_intake, content, count, offset):
        intake, _ = new_intake()
        with fed(intake.whole(LABEL, ()), content).body as body:
            assert body.read_at(count, offset) == content[offset : offset + count]


def test_a_body_that_is_closed_twice_gives_its_spool_back_once(tmp_path):
    intake = Intake(tmp_path)
    first = received_chunk(intake)
    first.close()
    first.close()
    one, two = received_chunk(intake), received_chunk(intake)
    assert one.fd != two.fd


def received_chunk(intake):
    with intake.chunk(ContentRange(Span(0, 1), 1), Label(), ()) as receiver:
        receiver.feed(b"x")
        return receiver.finish().body
