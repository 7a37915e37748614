"""Content files that are not as long as they should be: no download ends well that is not whole."""

import base64
import http.client
import socket
from pathlib import Path

import pytest
from disk_operations import check_error
from harness import DEMO, Serve, binaries, connected, pattern

LENGTH = 16 << 20


def content_of(root: Path, event_id: str) -> Path:
    """Return the one content file of an event."""
    (path,) = root.glob(f"events/*/*/{event_id}/content-*")
    return path


def test_a_download_of_a_file_that_becomes_shorter_breaks_off(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", "--min-free", "0")
    with connected(server) as c, socket.socket() as reader:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), pattern(LENGTH))[0].status == 201
        # A client that reads slowly: most of the file is not yet in any buffer.
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        reader.settimeout(30)
        reader.connect(("127.0.0.1", server.port))
        token = base64.b64encode(DEMO.encode()).decode()
        reader.sendall(
            f"GET {binaries(event_id)} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {token}\r\n\r\n".encode()
        )
        answer = http.client.HTTPResponse(reader)
        answer.begin()
        assert answer.status == 200
        assert len(answer.read(1000)) == 1000
        with content_of(tmp_path / "data", event_id).open("r+b") as file:
            file.truncate(LENGTH // 2)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
        answer.close()
        # The server goes on, and tells the next one at once.
        check_error(*c.ask("GET", binaries(event_id)), [500])
        assert c.ask("GET", "/health")[0].status == 200
    assert server.stop() == 0
    assert any(f"{binaries(event_id)}: the content file became shorter" in line for line in server.lines)


def test_a_file_of_the_wrong_length_is_500_and_no_other_event_minds(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", "--min-free", "0")
    with connected(server) as c:
        whole, *damaged = (c.create_event() for _ in range(4))
        for event_id in (whole, *damaged):
            assert c.ask("POST", binaries(event_id), b"0123456789")[0].status == 201
        paths = [content_of(tmp_path / "data", event_id) for event_id in damaged]
        for length, event_id, path in zip((0, 9, 11), damaged, paths, strict=True):
            path.write_bytes(bytes(length))
            check_error(*c.ask("GET", binaries(event_id)), [500])
        assert c.ask("GET", binaries(whole))[1] == b"0123456789"
    server.stop()
    assert all(any("damaged: " in line and str(path) in line for line in server.lines) for path in paths)
