"""The real process: starting, stopping, killing, and what real sockets do."""

import base64
import hashlib
import json
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from harness import DEMO, EVENT, Connection, Serve, binaries, connected, pattern, refuses, until

MIB = 1024 * 1024
WORKERS = pytest.mark.parametrize("workers", [1, 2], ids=lambda n: f"workers-{n}")


def files_of(tmp_path: Path, event_id: str) -> list[str]:
    """The files in an event's directory."""
    return sorted(path.name for path in (tmp_path / "data" / "events").rglob(f"{event_id}/*"))


def test_a_first_start_tells_of_no_trouble_with_an_index_that_is_only_new(serve: Serve) -> None:
    server = serve("--demo")
    with connected(server) as c:
        assert c.ask("GET", "/event/events")[0].status == 200
    assert server.stop() == 0
    assert not any("index" in line for line in server.lines)


def test_it_tells_its_address_and_is_up(serve: Serve) -> None:
    server = serve("--demo")
    with urllib.request.urlopen(f"{server.url}/health") as answer:
        assert json.load(answer)["status"] == "UP"
        assert answer.headers["Server"] is None
    assert server.stop() == 0
    # Where, as whom, and three lines to try.
    assert sum("curl -u demo:demo" in line for line in server.lines) == 3


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_demo_lines_work_as_printed(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    assert server.process.stdout
    lines = [server.process.stdout.readline().strip() for _ in range(4)]
    assert lines[0] == "Account demo, password demo. Try:"
    listed, downloaded, attached = (
        subprocess.run(line.replace("curl", "curl -sS", 1), shell=True, cwd=tmp_path, capture_output=True)
        for line in lines[1:]
    )
    events = json.loads(listed.stdout)["events"]
    assert sum("c8y_IsBinary" in event for event in events) == 5
    assert sum("c8y_IsIncompleteBinary" in event for event in events) == 1
    assert downloaded.returncode == 0
    assert (tmp_path / "thermogram.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(attached.stdout)["length"] == 5


def test_a_second_start_makes_no_second_demo(serve: Serve) -> None:
    counts = []
    for _ in range(2):
        server = serve("--demo")
        with connected(server) as c:
            _answer, body = c.ask("GET", "/event/events?withTotalElements=true")
            counts.append(json.loads(body)["statistics"]["totalElements"])
        server.stop()
    assert counts[0] == counts[1] > 30


@WORKERS
def test_first_start_without_demo_makes_an_admin_and_tells_once(
    serve: Serve, workers: int, tmp_path: Path
) -> None:
    server = serve(workers=workers)
    path = tmp_path / "data" / "admin-password"
    password = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with connected(server, f"admin:{password}") as c:
        assert c.ask("GET", "/event/events")[0].status == 200
    with connected(server) as c:
        assert c.ask("GET", "/event/events")[0].status == 401
    server.stop()
    assert sum(password in line for line in server.lines) == 1
    again = serve(workers=workers)
    again.stop()
    assert not any(password in line for line in again.lines)


def test_the_example_of_ten_bytes_survives_a_restart_between_chunks(serve: Serve) -> None:
    server = serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        answer, body = c.ask(
            "POST", binaries(event_id), b"0123", Content_Range="0-3/*", Content_Type="text/plain"
        )
        assert (answer.status, json.loads(body)["range"]) == (200, "0-3/*")
    server.stop(signal.SIGKILL)

    server = serve("--demo")
    with connected(server) as c:
        assert c.ask("GET", binaries(event_id))[0].status == 404
        answer, body = c.ask("POST", binaries(event_id), b"45", Content_Range="4-5/*")
        assert (answer.status, json.loads(body)["range"]) == (200, "0-5/*")
        assert c.ask("GET", binaries(event_id))[0].status == 404
    assert server.stop() == 0

    server = serve("--demo")
    with connected(server) as c:
        answer, body = c.ask("POST", binaries(event_id), b"6789", Content_Range="6-9/10")
        assert (answer.status, json.loads(body)["length"]) == (201, 10)
        answer, body = c.ask("GET", binaries(event_id))
        assert (answer.status, body, answer.headers["Content-Type"]) == (200, b"0123456789", "text/plain")


def test_fifty_mebibytes_come_back_raw_and_as_a_form_and_in_chunks(serve: Serve) -> None:
    server = serve("--demo")
    data = pattern(50 * MIB)
    with connected(server) as c:
        raw, form, chunked = (c.create_event() for _ in range(3))
        assert c.ask("POST", binaries(raw), data, Content_Type="image/jpeg")[0].status == 201
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        answer, _ = c.ask(
            "POST",
            binaries(form),
            head + data + b"\r\n--b--\r\n",
            Content_Type="multipart/form-data; boundary=b",
        )
        assert answer.status == 201
        for start in range(0, len(data), 5 * MIB):
            part = data[start : start + 5 * MIB]
            where = f"{start}-{start + len(part) - 1}/{len(data)}"
            answer, _ = c.ask("POST", binaries(chunked), part, Content_Range=where)
        assert answer.status == 201
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        for event_id in (raw, form, chunked):
            assert digest_follows(c, event_id)
            answer, body = c.ask("GET", binaries(event_id))
            assert body == data
            assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"


def digest_follows(c: Connection, event_id: str) -> bool:
    return until(lambda: "Repr-Digest" in c.ask("HEAD", binaries(event_id))[0].headers)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_digest_that_did_not_follow_before_the_end_does_after_it(
    serve: Serve, tmp_path: Path, number: signal.Signals
) -> None:
    data, server = pattern(50 * MIB), serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        answer, _ = c.ask("POST", binaries(event_id), data)
        assert (answer.status, server.stop(number)) == (201, -number if number == signal.SIGKILL else 0)
    if number == signal.SIGTERM:
        left = list((tmp_path / "data" / "tmp").iterdir())
        assert left == [], "what waited was done"
    server = serve("--demo")
    with connected(server) as c:
        assert digest_follows(c, event_id)
        answer, body = c.ask("GET", binaries(event_id))
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert (answer.headers["Repr-Digest"], body == data) == (f"sha-256=:{digest}:", True)


def test_fifty_one_mebibytes_are_413_and_leave_nothing(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        answer, body = c.ask("POST", binaries(event_id), bytes(51 * MIB))
        assert answer.status == 413
        assert set(json.loads(body)) == {"error", "message", "info"}
        assert c.ask("GET", binaries(event_id))[0].status == 404
        assert files_of(tmp_path, event_id) == ["event.json"]
    assert not list((tmp_path / "data" / "tmp").rglob("body-*"))


def test_a_body_in_coded_chunks_of_unknown_length_is_taken(serve: Serve) -> None:
    server = serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        answer, _ = c.ask("POST", binaries(event_id), iter([b"ab", b"cde"]), Content_Type="text/plain")
        assert answer.status == 201
        assert c.ask("GET", binaries(event_id))[1] == b"abcde"


def test_a_client_that_hangs_up_in_a_body_leaves_nothing(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        token = base64.b64encode(DEMO.encode()).decode()
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(
                f"POST {binaries(event_id)} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {token}\r\n"
                f"Content-Length: 1000000\r\n\r\n".encode()
                + bytes(500_000)
            )
        answer, _ = c.ask("GET", binaries(event_id))
        assert answer.status == 404
        assert files_of(tmp_path, event_id) == ["event.json"]
        assert c.ask("POST", binaries(event_id), b"x")[0].status == 201
    server.stop()
    assert list((tmp_path / "data" / "tmp").iterdir()) == []


@WORKERS
def test_sigterm_finishes_the_upload_that_runs_and_takes_no_new_one(serve: Serve, workers: int) -> None:
    server = serve("--demo", workers=workers)
    data = pattern(3 * MIB)
    with connected(server) as c, connected(server) as idle:
        event_id = c.create_event()
        assert idle.ask("GET", "/health")[0].status == 200
        c.begin_upload(event_id, data)
        server.process.send_signal(signal.SIGTERM)
        assert until(lambda: refuses(server))
        c.finish_upload(data)
    assert server.process.wait(timeout=30) == 0
    again = serve("--demo")
    with connected(again) as c:
        assert c.ask("GET", binaries(event_id))[1] == data


def test_what_a_killed_server_left_is_swept_by_the_next(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    with connected(server) as c:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), b"0123", Content_Range="0-3/10")[0].status == 200
    writers = tmp_path / "data" / "tmp"
    dead = {path.name for path in writers.iterdir()}
    assert len(dead) == 1
    server.stop(signal.SIGKILL)
    again = serve("--demo")
    assert until(lambda: len(list(writers.iterdir())) == 1)
    assert dead.isdisjoint(path.name for path in writers.iterdir())
    with connected(again) as c:
        assert c.ask("POST", binaries(event_id), b"456789", Content_Range="4-9/10")[0].status == 201
        assert c.ask("GET", binaries(event_id))[1] == b"0123456789"


def test_an_expired_upload_is_swept_while_the_server_runs(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", "--upload-expiry", "1s")
    with connected(server) as c:
        event_id = c.create_event()
        c.ask("POST", binaries(event_id), b"0123", Content_Range="0-3/10")
        assert until(lambda: not list((tmp_path / "data" / "events").rglob("upload.journal")))
        _, body = c.ask("GET", f"/event/events/{event_id}")
        assert "c8y_IsIncompleteBinary" not in json.loads(body)


def test_an_account_added_or_removed_counts_at_once(serve: Serve, tmp_path: Path) -> None:
    server = serve()

    def user(*arguments: str, password: str = "") -> None:
        command = [sys.executable, "-m", "c8ybin", "user", *arguments, "--data", str(tmp_path / "data")]
        subprocess.run(command, input=password, text=True, check=True, capture_output=True)

    with connected(server, "ann:one") as c:
        assert c.ask("GET", "/event/events")[0].status == 401
        user("add", "ann", "--roles", "ROLE_EVENT_READ", "--password-stdin", password="one\n")
        assert c.ask("GET", "/event/events")[0].status == 200
        assert c.ask("POST", "/event/events", "{}")[0].status == 403
        user("remove", "ann")
        assert c.ask("GET", "/event/events")[0].status == 401


def test_two_servers_on_one_directory_see_each_other_at_once(serve: Serve) -> None:
    one, two = serve("--demo"), serve("--demo")
    with connected(one) as a, connected(two) as b:
        event_id = a.create_event()
        assert b.ask("POST", binaries(event_id), b"0123", Content_Range="0-3/*")[0].status == 200
        assert a.ask("POST", binaries(event_id), b"45", Content_Range="4-5/6")[0].status == 201
        assert b.ask("GET", binaries(event_id))[1] == b"012345"
        assert b.ask("DELETE", f"/event/events/{event_id}")[0].status == 204
        assert a.ask("GET", binaries(event_id))[0].status == 404


def test_a_taken_port_is_one_sentence_and_exit_code_2(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    command = [sys.executable, "-m", "c8ybin", "serve", "--data", str(tmp_path / "other")]
    done = subprocess.run([*command, "--port", str(server.port)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "try another --port" in done.stderr
    # The account that a first start makes is told once: not by a start that failed.
    assert not (tmp_path / "other" / "admin-password").exists()


def test_limits_below_the_demo_files_do_not_prevent_the_demo(serve: Serve) -> None:
    server = serve("--demo", "--max-binary", "100", "--max-chunk", "10")
    with connected(server) as c:
        event_id = c.create_event()
        assert c.ask("POST", binaries(event_id), bytes(101))[0].status == 413
        assert c.ask("POST", binaries(event_id), bytes(11), Content_Range="0-10/20")[0].status == 413
        assert c.ask("POST", binaries(event_id), bytes(100))[0].status == 201


@WORKERS
def test_more_signals_do_not_interrupt_the_end(serve: Serve, workers: int) -> None:
    server = serve("--demo", workers=workers)
    while server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.lines)


def test_the_raw_answer_of_a_request_without_host_or_accept(serve: Serve) -> None:
    server = serve("--demo")
    token = base64.b64encode(DEMO.encode()).decode()
    body = json.dumps(EVENT)
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(
            f"POST /event/events HTTP/1.0\r\nAuthorization: Basic {token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head, _, rest = s.makefile("rb").read().partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert rest == b""
    assert fields["Location"].startswith(f"{server.url}/event/events/")
    assert fields["Content-Type"].startswith("application/vnd.com.nsn.cumulocity.event+json")
