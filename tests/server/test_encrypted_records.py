"""Connections that encrypt: records that are cut anywhere, files, the end."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import pattern, until
from server_tools import MIB, Host, Raw, answer, coded, cool, echo, refuse, request
from tls_by_hand import ByHand

from c8ybin.server import Tls
from c8ybin.server.outgoing import FilePart

Hosted = Callable[..., Host]


class TestRecords:
    def test_a_request_that_comes_with_the_end_of_a_body_is_answered(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls)
        with served.connect() as client:
            for length in (1, 15_000, 16_384, 40_000):
                body = pattern(length)
                # In one call, so that records hold parts of both.
                client.send(
                    request("POST", "/", body=body) + request("GET", "/next") + request("GET", "/last")
                )
                assert client.reply().body == b"POST / " + body
                assert client.reply().body == b"GET /next "
                assert client.reply().body == b"GET /last "

    def test_nor_is_one_lost_behind_chunks(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls)
        with served.connect() as client:
            pieces = [pattern(n) for n in (1, 5_000, 20_000, 3)]
            client.send(request("POST", "/", "Transfer-Encoding: chunked"))
            client.send(coded(*pieces) + request("GET", "/next"))
            assert client.reply().body == b"POST / " + b"".join(pieces)
            assert client.reply().body == b"GET /next "

    def test_the_rest_of_a_body_that_nobody_reads_is_passed_over(self, host: Hosted, tls: Tls) -> None:
        def reads_some(environ: Any, start_response: Any) -> Any:
            return answer(start_response, environ["wsgi.input"].read(3))

        served = host(reads_some, tls=tls)
        with served.connect() as client:
            for _ in range(20):
                client.send(request("POST", "/", "Content-Length: 10"))
                client.send(b"0123456789" + request("POST", "/", body=b"abc"))
                assert [client.reply().body, client.reply().body] == [b"012", b"abc"]

    @pytest.mark.parametrize("at_once", [True, False])
    def test_half_of_one_is_waited_for_at_the_end(self, host: Hosted, tls: Tls, at_once: bool) -> None:
        served = host(echo, tls=tls)
        with ByHand(served.port) as client:
            last = client.shake_hands(last=not at_once)
            record = client.encrypted(request("GET", "/begun"))
            # With the end of the handshake, or after it.
            client.socket.sendall(last + record[:20])
            (channel,) = served.server._listener.active_channels.values()
            assert until(lambda: channel._tls._has_shaken_hands and channel._tls._waits_since is not None)
            served.begin_to_stop()
            assert until(lambda: served.server._stopping)
            with pytest.raises(OSError, match=r"refused|reset"):
                while True:
                    Raw(served.port).close()
            client.socket.sendall(record[20:])
            assert b"GET /begun" in client.read()
        assert served.stop()

    def test_half_of_one_without_the_rest_is_cut_off(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls, body_timeout_s=1.0)
        with ByHand(served.port) as client:
            client.shake_hands()
            client.socket.sendall(client.encrypted(request("GET", "/"))[:20])
            while client.socket.recv(65536):  # session tickets
                pass

    def test_a_record_that_was_changed_on_the_way_ends_the_connection(self, host: Hosted, tls: Tls) -> None:
        called: list[Any] = []
        served = host(lambda *arguments: called.append(arguments), tls=tls)
        with ByHand(served.port) as client:
            client.shake_hands()
            record = bytearray(client.encrypted(request("GET", "/")))
            record[-1] ^= 1
            client.socket.sendall(record)
            with pytest.raises(ssl.SSLError, match="alert bad record mac"):
                client.read()
        assert not called
        assert until(served.all_is_free)

    def test_the_end_is_said(self, host: Hosted, tls: Tls) -> None:
        served = host(echo, tls=tls)
        with served.connect() as client:
            assert client.ask("GET", "/", "Connection: close").status == 200
            # A bare end of the connection raises here.
            assert client.rest() == b""
        # Also to one that is refused while it sends.
        other = host(refuse, tls=tls)
        with other.connect() as client:
            client.send(request("POST", "/", "Content-Length: 1000000", "Connection: close") + bytes(1000))
            assert client.reply().status == 404
            client.send(bytes(999_000))
            assert client.rest() == b""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(pattern(20 * MIB + 1))
    return path


class Span:
    """A span of a file, as an application hands it over."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file = path.open("rb")
        self.start, self.length, self.span = start, length, self
        self.fileno, self.close = self._file.fileno, self._file.close


@pytest.mark.parametrize("answers_now", [False, True])
@pytest.mark.parametrize("is_cold", [False, True])
def test_spans_of_files_arrive_as_they_are(
    host: Hosted, tls: Tls, large: Path, answers_now: bool, is_cold: bool
) -> None:
    spans = [(0, 1), (5, 65_536), (1, 65_537), (4096, 16_384), (7, 3 * MIB), (0, 20 * MIB + 1)]

    def app(environ: Any, start_response: Any) -> FilePart:
        start, length = spans[int(environ["PATH_INFO"][1:])]
        start_response("200 OK", [])
        wrapper: type[FilePart] = environ["wsgi.file_wrapper"]
        return wrapper(Span(large, start, length))

    served = host(app, tls=tls, answers_now=answers_now)
    whole = large.read_bytes()
    with served.connect(buffer_bytes=4096 if is_cold else None) as client:
        for number, (start, length) in enumerate(spans):
            if is_cold:
                cool(large)
            assert client.ask("GET", f"/{number}").body == whole[start : start + length]


def test_what_could_not_be_sent_is_offered_whole_although_only_a_part_is_still_in_memory(
    host: Hosted, tls: Tls, large: Path
) -> None:
    def app(environ: Any, start_response: Any) -> FilePart:
        start_response("200 OK", [])
        wrapper: type[FilePart] = environ["wsgi.file_wrapper"]
        return wrapper(Span(large, 0, 20 * MIB + 1))

    served = host(app, tls=tls, answers_now=True)
    with served.connect(buffer_bytes=4096) as client:
        client.send(request("GET", "/"))
        (channel,) = served.server._listener.active_channels.values()
        lengths: list[int] = []

        def is_stuck() -> bool:
            lengths.append(channel._out.length)
            return len(lengths) > 10 and len(set(lengths[-10:])) == 1 and lengths[-1] > 0

        assert until(is_stuck)
        cool(large)
        with large.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            os.pread(file.fileno(), 1, channel._out._parts[0].offset)
        assert client.reply().body == large.read_bytes()
