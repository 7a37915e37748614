"""The examples in packaging/balancer: read by the programs themselves, and tried before two servers of one store."""

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.growth.drive import Server, served

EXAMPLES = Path(__file__).parent.parent.parent / "packaging" / "balancer"
AUTH = {"Authorization": "Basic " + b64encode(b"demo:demo").decode(), "Accept": "application/json"}
HOSTS = ("10.0.0.11:8080", "10.0.0.12:8080")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key and both in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
    ]
    made = [*command, "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run(made, check=True, capture_output=True)
    both = (folder / "certificate.pem").read_text() + (folder / "key.pem").read_text()
    (folder / "both.pem").write_text(both)
    return folder


def written(name: str, folder: Path, certificate: Path, port: int, hosts: tuple[str, ...] = HOSTS) -> Path:
    """Write an example with other addresses and paths, and what nginx wants around it; return the file."""
    text = (EXAMPLES / name).read_text().replace("/etc/ssl/c8ybin", str(certificate))
    for old, new in zip(HOSTS, hosts, strict=True):
        assert old in text
        text = text.replace(old, new)
    if name == "haproxy.cfg":
        text = text.replace("bind :443", f"bind 127.0.0.1:{port}")
        text = text.replace("global\n", f"global\n    stats socket {folder}/stats\n")
    else:
        text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
        logs = f"pid {folder}/pid; error_log stderr; daemon off;"
        kept = " ".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = f"{logs} events {{}} http {{ access_log off; {kept} {text} }}"
    (folder / name).write_text(text)
    return folder / name


Command = Callable[..., str]  # finds a program, and installs its Debian package where it can


def command_line(name: str, path: Path, command: Command, *, only_checks: bool = False) -> list[str]:
    if name == "nginx.conf":
        nginx = [command("nginx", "nginx-light"), *(["-t"] if only_checks else [])]
        return [*nginx, "-e", "stderr", "-p", str(path.parent), "-c", str(path)]
    return [command("haproxy"), "-c" if only_checks else "-db", "-f", str(path)]


NAMES = pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg"])


@NAMES
def test_the_program_itself_finds_nothing_wrong(
    name: str, tmp_path: Path, certificate: Path, command: Command
) -> None:
    path = written(name, tmp_path, certificate, free_port())
    checking = command_line(name, path, command, only_checks=True)
    done = subprocess.run(checking, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower().replace('[warn] the "user" directive', "")


class Front:
    """A balancer before two servers."""

    def __init__(self, port: int, servers: list[Server]) -> None:
        self.port, self.servers = port, servers

    def ask(
        self, method: str, path: str, body: bytes | None = None, **fields: str
    ) -> tuple[int, bytes, dict[str, str]]:
        context = ssl._create_unverified_context()
        headers = AUTH | {name.replace("_", "-"): value for name, value in fields.items()}
        with closing(
            http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        ) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())

    def create(self) -> str:
        event = {"source": {"id": "1"}, "type": "t", "time": "2026-11-24T12:00:00Z", "text": "x"}
        status, text, _ = self.ask(
            "POST", "/event/events", json.dumps(event).encode(), Content_Type="application/json"
        )
        assert status == 201
        return str(json.loads(text)["id"])


@pytest.fixture(params=["nginx.conf", "haproxy.cfg"])
def front(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Path, command: Command
) -> Iterator[Front]:
    name, port = request.param, free_port()
    more = ("--trusted-proxy", "127.0.0.1", "--workers", "1")
    with served(tmp_path / "data", *more) as one, served(tmp_path / "data", *more) as two:
        hosts = tuple(f"127.0.0.1:{server.port}" for server in (one, two))
        path = written(name, tmp_path, certificate, port, hosts)
        with subprocess.Popen(command_line(name, path, command), stderr=subprocess.DEVNULL) as process:
            try:
                found = Front(port, [one, two])
                while True:
                    assert process.poll() is None
                    try:
                        if found.ask("GET", "/health")[0] == 200:
                            break
                    except OSError:
                        time.sleep(0.02)
                yield found
            finally:
                process.send_signal(signal.SIGTERM)


def test_what_one_takes_the_other_has_chunk_by_chunk(front: Front) -> None:
    event, body = front.create(), os.urandom(3 << 20)
    path = f"/event/events/{event}/binaries"
    for n in range(6):
        part = body[n << 19 : (n + 1) << 19]
        span = f"{n << 19}-{((n + 1) << 19) - 1}/{len(body)}"
        status, _, _ = front.ask(
            "PUT", path, part, Content_Range=span, Content_Type="application/octet-stream"
        )
        assert status == (201 if n == 5 else 200)
    for _ in range(4):
        assert front.ask("GET", path, Accept="*/*")[:2] == (200, body)
        assert event in front.ask("GET", "/event/events")[1].decode()


def checks(path: Path) -> list[str]:
    """Return what HAProxy's checks of its servers last found."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"show stat\n")
        rows = list(csv.DictReader(io.StringIO(connection.makefile().read())))
    # With a star while the next one is under way.
    return [row["check_status"].removeprefix("* ") for row in rows if row["svname"] in ("one", "two")]


@pytest.mark.parametrize("front", ["haproxy.cfg"], indirect=True)
def test_the_health_of_servers_that_serve_is_understood(front: Front, tmp_path: Path) -> None:
    # A check every two seconds; its first word is INI.
    while "INI" in checks(tmp_path / "stats"):
        time.sleep(0.05)
    assert checks(tmp_path / "stats") == ["L7OK", "L7OK"]


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ('{"status":"UP"}', True),
        ('{"status":"UP","warnings":[]}', True),
        ('{"error":"x","status":"DOWN","kind":"disk-full"}', True),
        ('{"error":"x","status":"DOWN","kind":"disk-failing"}', False),
        ('{"error":"x","status":"DOWN","kind":"busy"}', False),
    ],
)
def test_a_full_disk_takes_no_host_out_and_a_failing_mount_does(text: str, keeps: bool) -> None:
    found = re.search(r"rstring '(.*)'", (EXAMPLES / "haproxy.cfg").read_text())
    assert found
    assert bool(re.search(found[1], text)) == keeps


def test_links_are_those_that_the_client_used(front: Front) -> None:
    _, text, _ = front.ask("GET", f"/event/events/{front.create()}")
    assert json.loads(text)["self"].startswith(f"https://127.0.0.1:{front.port}/")


def test_the_largest_upload_gets_through_and_what_is_larger_is_refused_by_the_server(front: Front) -> None:
    path = f"/event/events/{front.create()}/binaries"
    status, _, _ = front.ask("POST", path, bytes(50 << 20), Content_Type="application/octet-stream")
    assert status == 201
    path = f"/event/events/{front.create()}/binaries"
    try:
        status, text, _ = front.ask(
            "POST", path, bytes((50 << 20) + 1), Content_Type="application/octet-stream"
        )
    except (BrokenPipeError, ConnectionResetError):
        return  # refused while it was still being sent
    assert status == 413
    assert json.loads(text)["error"]


def test_a_dead_host_costs_no_request_that_may_be_asked_again(front: Front) -> None:
    event = front.create()
    front.servers[0].process.kill()
    front.servers[0].process.wait()
    for _ in range(8):
        assert front.ask("GET", f"/event/events/{event}")[0] == 200
        front.create()  # no connection came about, so nothing was sent twice
