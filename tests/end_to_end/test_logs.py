"""The logs of a real server of two workers: what is in them, what never is, rotation, full disks."""

import base64
import json
import re
import signal
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness import EVENT, Connection, RunningServer, Serve, binaries, connected, servers, until

from c8ybin.accounts import EVENT_ADMIN, EVENT_READ, Accounts

PASSWORD = "pass-of-ann-7311"
WRONG = "wrong-guess-4242"


@dataclass
class Logged:
    """A server with both logs, two accounts and a token."""

    server: RunningServer
    folder: Path
    tokens: list[str]

    def ask(self, account: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Send a request; return the status and the ID of the request, once all of it is in the logs."""
        with connected(self.server, account) as c:
            answer, _ = c.ask(method, path, body, **headers)
        request_id = answer.headers["X-Request-ID"]
        assert until(lambda: request_id in (self.folder / "access").read_text())
        return answer.status, request_id

    def audited(self, request_id: str) -> dict[str, Any]:
        """Return the line of a request, once it is there."""
        assert until(lambda: any(line["request"] == request_id for line in self.lines()))
        (found,) = [line for line in self.lines() if line["request"] == request_id]
        return found

    def lines(self) -> list[dict[str, Any]]:
        """Every line of the audit log."""
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    folder = tmp_path_factory.mktemp("logged")
    with servers(folder / "data") as start:
        server = start(
            "--demo",
            *("--audit-log", str(folder / "audit")),
            *("--access-log", str(folder / "access")),
            *("--trusted-proxy", "127.0.0.1"),
            *("--max-binary", "1MiB"),
            workers=2,
        )
        accounts = Accounts(folder / "data")
        accounts.changes.add("ann", PASSWORD, [EVENT_READ, EVENT_ADMIN], sources=["1001"])
        accounts.add("reader", PASSWORD, [EVENT_READ])
        token = accounts.changes.add_token("ann").text
        accounts.close()
        yield Logged(server, folder, [token])


ANN, READER = f"ann:{PASSWORD}", f"reader:{PASSWORD}"


@pytest.fixture(scope="module")
def event(logged: Logged) -> str:
    with connected(logged.server, ANN) as c:
        return c.create_event()


def test_logs_are_for_their_owner_alone(logged: Logged) -> None:
    for name in ("audit", "access"):
        assert stat.S_IMODE((logged.folder / name).stat().st_mode) == 0o600


def test_a_change_is_audited_with_all_that_it_was(logged: Logged, event: str) -> None:
    status, request_id = logged.ask(
        ANN,
        "PUT",
        binaries(event) + "?x=hidden",
        b"hello",
        Content_Disposition='attachment; filename="a \\"b\\".log"',
        X_Request_ID="mine-1",
        X_Forwarded_For="198.51.100.7",
    )
    assert (status, request_id) == (201, "mine-1")
    line = logged.audited(request_id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("milliseconds") > 0
    assert line.pop("sent") > 50
    assert line == {
        "request": "mine-1",
        "user": "ann",
        "address": "198.51.100.7",
        "method": "PUT",
        "path": f"/event/events/{event}/binaries",
        "resource": "/event/events/{event_id}/binaries",
        "event": event,
        "name": 'a "b".log',
        "status": 201,
        "outcome": "done",
        "received": 5,
    }


def test_a_deletion_is_audited_with_the_name_of_what_is_gone(logged: Logged) -> None:
    with connected(logged.server, ANN) as c:
        whole, begun, none = (c.create_event() for _ in range(3))
        disposition = {"Content_Disposition": 'attachment; filename="gone.log"'}
        assert c.ask("PUT", binaries(whole), b"hello", **disposition)[0].status == 201
        answer, _ = c.ask("PUT", binaries(begun), b"hello", Content_Range="0-4/*", **disposition)
        assert answer.status == 200
    for event_id, status, name in ((whole, 204, "gone.log"), (begun, 204, "gone.log"), (none, 404, None)):
        got, request_id = logged.ask(ANN, "DELETE", binaries(event_id))
        line = logged.audited(request_id)
        assert (got, line["status"], line["method"], line.get("name")) == (status, status, "DELETE", name)


def test_a_created_event_is_named_and_deleted_ones_are_counted(logged: Logged) -> None:
    body = json.dumps(EVENT | {"type": "to_count"})
    ids = [logged.ask(ANN, "POST", "/event/events", body)[1] for _ in range(2)]
    assert all(logged.audited(each)["event"].isdigit() for each in ids)
    _, request_id = logged.ask(ANN, "DELETE", "/event/events?type=to_count")
    line = logged.audited(request_id)
    assert (line["deleted"], line["status"], line["resource"]) == (2, 204, "/event/events")


def test_an_emulated_method_is_what_is_audited(logged: Logged, event: str) -> None:
    with connected(logged.server, ANN) as c:
        other = c.create_event()
    _, request_id = logged.ask(ANN, "POST", f"/event/events/{other}", X_HTTP_METHOD="DELETE")
    assert (logged.audited(request_id)["method"], logged.audited(request_id)["status"]) == ("DELETE", 204)


def test_what_only_reads_and_is_answered_is_in_the_access_log_alone(logged: Logged, event: str) -> None:
    asked = (("GET", f"/event/events/{event}"), ("HEAD", "/event"), ("GET", "/health"), ("GET", "/no"))
    with connected(logged.server, ANN) as c:  # so that one process has them all
        for number, (method, path) in enumerate(asked):
            c.ask(method, path, X_Request_ID=f"read-{number}")
    logged.audited("read-3")
    assert not {f"read-{number}" for number in range(3)} & {line["request"] for line in logged.lines()}
    assert until(lambda: len(re.findall(r" read-\d\n", (logged.folder / "access").read_text())) == 4)


REFUSED = [
    (f"ann:{WRONG}", "GET", "/event", b"", {}, 401, "ann"),
    ("nobody:x", "GET", "/event", b"", {}, 401, "nobody"),
    (READER, "POST", "/event/events", b"{}", {}, 403, "reader"),
    (ANN, "POST", "/event/events", json.dumps(EVENT | {"source": {"id": "7"}}), {}, 403, "ann"),
    (ANN, "GET", "/event/events/4711", b"", {}, 404, "ann"),
    (ANN, "GET", "/no/such/address", b"", {}, 404, None),
    (ANN, "PATCH", "/event/events", b"", {}, 405, None),
    (ANN, "POST", "{binary}", b"x", {}, 409, "ann"),
    (ANN, "PUT", "{binary}", b"x", {"If_Match": '"x"'}, 412, "ann"),
    (ANN, "PUT", "{binary}", bytes(1 << 20 | 1), {}, 413, "ann"),
    (ANN, "GET", "{binary}", b"", {"Range": "bytes=99-"}, 416, "ann"),
    (ANN, "POST", "/event/events", b"{}", {}, 422, "ann"),
    (ANN, "PUT", "{binary}", b"x", {"Content_Range": "?"}, 400, "ann"),
]


@pytest.mark.parametrize(
    ("account", "method", "path", "body", "headers", "status", "user"),
    REFUSED,
    ids=[f"{row[5]}-{row[1]}-{row[0].partition(':')[0]}" for row in REFUSED],
)
def test_each_kind_of_refusal_is_audited(
    logged: Logged,
    event: str,
    account: str,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    user: str | None,
) -> None:
    logged.ask(ANN, "PUT", binaries(event), b"ten bytes.")
    path = path.replace("{binary}", binaries(event))
    got, request_id = logged.ask(account, method, path, body, **headers)
    assert got == status
    line = logged.audited(request_id)
    assert (line["status"], line["outcome"], line["method"]) == (status, "refused", method)
    assert (line.get("user"), line["path"]) == (user, path)


REFUSED_BY_THE_SERVER = {
    "nonsense": (b"nonsense\r\n\r\n", 400, None, None),
    "half of a line": (b"PUT /event/events/1 HT\r\n\r\n", 400, None, None),
    "no host": (b"PUT /event/events/1?x=hidden HTTP/1.1\r\n@\r\n", 400, "PUT", "/event/events/1"),
    "a bad field": (b"GET /event HTTP/1.1\r\nHost: a\r\n@X : y\r\n\r\n", 400, "GET", "/event"),
    "a long field": (b"GET /a%0Ab HTTP/1.1\r\n@X: " + b"x" * 70_000, 431, "GET", "/a%0Ab"),
    "a coding": (b"POST /e HTTP/1.1\r\nHost: a\r\n@Transfer-Encoding: x, chunked\r\n\r\n", 501, "POST", "/e"),
}


@pytest.mark.parametrize("case", REFUSED_BY_THE_SERVER)
def test_what_the_server_itself_refuses_is_audited_with_what_could_be_read(logged: Logged, case: str) -> None:
    raw, status, method, path = REFUSED_BY_THE_SERVER[case]
    named = f"X-Request-ID: own-{status}-{method}\r\nX-Forwarded-For: 198.51.100.9\r\n"
    with socket.create_connection(("127.0.0.1", logged.server.port), timeout=30) as client:
        client.sendall(raw.replace(b"@", named.encode()))
        answer = client.makefile("rb").read().decode()
    match = re.search(r"X-Request-ID: (\S+)", answer)
    assert match
    line = logged.audited(match[1])
    assert (line["status"], line.get("method"), line.get("path")) == (status, method, path)
    if method:
        assert (line["request"], line["address"]) == (f"own-{status}-{method}", "198.51.100.9")
        assert f'"{method} {path} HTTP/1.1" {status}' in (logged.folder / "access").read_text()


def test_a_login_that_is_slowed_down_is_audited(logged: Logged) -> None:
    for number in range(11):
        got, request_id = logged.ask(
            f"victim:{WRONG}{number}", "GET", "/event", X_Forwarded_For=f"203.0.113.{number}"
        )
    assert got == 429
    assert (logged.audited(request_id)["user"], logged.audited(request_id)["status"]) == ("victim", 429)


def test_no_credential_is_in_any_log(logged: Logged, event: str) -> None:
    (token,) = logged.tokens
    _, _, secret = token.split("_", 2)
    basic = base64.b64encode(ANN.encode()).decode()
    wrong = base64.b64encode(f"ann:{WRONG}".encode()).decode()
    server = logged.server
    for method, path in (("GET", "/event/events"), ("POST", "/event/events"), ("DELETE", binaries("4711"))):
        for authorization in (
            f"Bearer {token}",
            f"Bearer {token}x",
            f"Basic {basic}",
            f"Basic {wrong}",
            f"Basic {base64.b64encode(f'{token}:'.encode()).decode()}",
            f"Nonsense {token}",
            token,
            basic,
        ):
            for where in (path, f"{path}?access_token={token}&password={PASSWORD}"):
                c = Connection(server)
                c.request(
                    method,
                    where,
                    json.dumps(EVENT),
                    {
                        "Authorization": authorization,
                        "Referer": f"http://ann:{PASSWORD}@a/?token={token}",
                        "User-Agent": f"agent {token}",
                    },
                )
                answer = c.getresponse()
                request_id = answer.headers["X-Request-ID"]
                c.close()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"GET http://ann:{PASSWORD}@a/{token} HTTP/1.1\r\nHost: a\r\n".encode())
        client.sendall(f"Authorization: Basic {basic}\r\nConnection: close\r\n\r\n".encode())
        client.makefile("rb").read()
        client.close()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"GET /\r\n{PASSWORD} Authorization : Basic {basic}\r\n\r\n".encode())
        last = client.makefile("rb").read().decode()
    match = re.search(r"X-Request-ID: (\w+)", last)
    assert match
    for wanted in (request_id, match[1]):
        assert until(lambda wanted=wanted: wanted in (logged.folder / "access").read_text())  # type: ignore[misc]
    for text in ((logged.folder / "access").read_text(), (logged.folder / "audit").read_text()):
        assert "agent" in text or "ann" in text
        for hidden in (PASSWORD, WRONG, secret, basic, wrong, "access_token", "password="):
            assert hidden not in text


def test_every_line_is_whole_and_every_request_has_one(logged: Logged) -> None:
    def client(number: int) -> None:
        with connected(logged.server, ANN) as c:
            for turn in range(20):
                c.ask("POST", "/event/events", "{}", X_Request_ID=f"load-{number}-{turn}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    wanted = {f"load-{number}-{turn}" for number in range(8) for turn in range(20)}

    def told() -> set[str]:
        return {line["request"] for line in logged.lines()} & wanted

    def served() -> list[str]:
        return re.findall(r" load-\d+-\d+\n", (logged.folder / "access").read_text())

    assert until(lambda: told() == wanted)
    # Its line comes after the answer, too.
    assert until(lambda: len(served()) >= len(wanted))
    text = (logged.folder / "access").read_text()
    assert all(
        re.fullmatch(r'\S+ - \S+ \[[^\]]+\] ".*" \d+ \S+ ".*" ".*" \d+ \S+', x) for x in text.splitlines()
    )
    assert len(served()) == len(wanted)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_that_was_rotated_goes_on_in_a_new_file(serve: Serve, tmp_path: Path, workers: int) -> None:
    log, old = tmp_path / "audit", tmp_path / "audit.1"
    server = serve("--demo", "--audit-log", str(log), workers=workers)
    with connected(server) as c:
        c.create_event()
        assert until(lambda: log.read_text().count("\n") == 1)
        log.rename(old)
        server.process.send_signal(signal.SIGHUP)
        c.create_event()
        assert until(lambda: log.exists() and log.read_text().count("\n") == 1)
    for _ in range(6):
        with connected(server) as c:
            c.create_event()
    assert server.stop() == 0
    assert log.read_text().count("\n") == 7
    assert old.read_text().count("\n") == 1


def test_both_logs_may_go_to_standard_error(serve: Serve) -> None:
    server = serve("--demo", "--audit-log", "-", "--access-log", "-")
    with connected(server) as c:
        c.create_event()
        request_id = c.ask("GET", "/event", X_Request_ID="seen-1")[0].headers["X-Request-ID"]
    assert server.stop() == 0
    assert [line.split()[-1] for line in server.lines if '"GET /event HTTP/1.1" 200' in line] == [request_id]
    audited = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert [line["method"] for line in audited] == ["POST"]


def test_a_full_disk_fails_no_request_and_is_told_once(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "audit"
    log.symlink_to("/dev/full")
    server = serve("--demo", "--audit-log", str(log))
    with connected(server) as c:
        for _ in range(5):
            c.create_event()
    assert server.stop() == 0
    assert sum("the audit log cannot be written: No space left on device" in x for x in server.lines) == 1
    assert sum("the audit log lacks 5 lines" in x for x in server.lines) == 1


def damaged(server: RunningServer, folder: Path) -> str:
    """Have the server fail over an event; return the ID of the request."""
    with connected(server) as c:
        event_id = c.create_event()
        (file,) = (folder / "data" / "events").rglob(f"{event_id}/event.json")
        file.unlink()
        file.mkdir()
        answer, _ = c.ask("GET", f"/event/events/{event_id}", X_Request_ID="fails-1")
    assert answer.status == 500
    return "fails-1"


def test_the_programs_own_log_is_lines_of_json_where_that_is_wanted(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", "--log-format", "json")
    request_id = damaged(server, tmp_path)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.lines if line.startswith("{")]
    assert all(set(line) - {"exception"} == {"time", "level", "logger", "message"} for line in lines)
    (failed,) = [line for line in lines if request_id in line["message"]]
    assert (failed["level"], failed["logger"]) == ("error", "c8ybin.api.problems")
    assert failed["exception"].startswith("Traceback")
    assert (lines[-1]["level"], lines[-1]["message"]) == ("info", "stopped")


def test_what_is_below_the_level_is_not_logged(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", C8YBIN_LOG_LEVEL="error")
    request_id = damaged(server, tmp_path)
    assert server.stop() == 0
    logged = [line for line in server.lines if re.match(r"\d{4}-\d\d-\d\d ", line)]
    assert len(logged) == 1
    assert " ERROR c8ybin.api.problems: GET /event/events/" in logged[0]
    assert request_id in logged[0]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda path: path.write_text("no JSON"),
            "cannot be understood; mend it or restore it from a backup.",
        ),
        (lambda path: path.mkdir(), "cannot be read: Is a directory; it must be a plain file"),
        (
            lambda path: path.symlink_to("format"),
            "cannot be read: Too many levels of symbolic links; it must",
        ),
    ],
    ids=["damaged", "a directory", "a link"],
)
def test_accounts_that_cannot_be_read_are_one_sentence_that_says_what_to_do(
    serve: Serve, tmp_path: Path, spoil: Any, says: str
) -> None:
    server, accounts = serve("--demo"), tmp_path / "data" / "accounts.json"
    accounts.unlink(missing_ok=True)
    spoil(accounts)
    with connected(server, "ann:x") as c:
        answer, body = c.ask("GET", "/event", X_Request_ID="asked-1")
        assert (answer.status, b"accounts" in body) == (500, False)
    assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line]
    (line,) = [line for line in server.lines if "asked-1" in line]
    assert f" ERROR c8ybin.api.problems: GET /event (asked-1): {accounts} {says}" in line


def test_a_client_writes_no_line_of_its_own_into_the_log(serve: Serve) -> None:
    server = serve("--demo")
    accounts = Path(server.lines[-1].split(" serves ")[1].split(" on ")[0]) / "accounts.json"
    accounts.write_text("no JSON")
    with connected(server, "ann:x") as c:
        answer, _ = c.ask("GET", "/event/events/%0A2026-01-01%20ERROR%20forged%1b[2J")
    assert answer.status == 500
    assert server.stop() == 0
    assert not [line for line in server.lines if line.startswith("2026-01-01 ERROR forged")]
    assert any(r"/event/events/\n2026-01-01 ERROR forged\x1b[2J" in line for line in server.lines)
