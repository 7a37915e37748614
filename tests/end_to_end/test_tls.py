"""The real process with TLS: what clients get, certificates that are made, exchanged, presented."""

import base64
import fcntl
import http.client
import json
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from certificates import Authority, Pair, openssl
from harness import DEMO, Connection, RunningServer, Serve, binaries, pattern, servers, until
from server_tools import believing

from c8ybin.accounts import EVENT_READ, Accounts

MB = 1_000_000
WORKERS = pytest.mark.parametrize("workers", [1, 2], ids=lambda n: f"workers-{n}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningServer]:
    """A server for many cases, that takes certificates of clients."""
    with servers(tmp_path_factory.mktemp("shared") / "data") as start:
        files = authority.issue("localhost").options
        yield start("--demo", *files, "--tls-client-ca", str(authority.certificate), workers=2)


class Secure(Connection):
    """A connection over TLS, by default from a client that believes every certificate."""

    def __init__(
        self, server: RunningServer, account: str = DEMO, context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(server, account)
        self.context = context or believing()

    def connect(self) -> None:
        super().connect()
        self.sock = self.context.wrap_socket(
            self.sock, server_hostname="localhost", suppress_ragged_eofs=False
        )

    def certificate(self) -> bytes:
        self.connect()
        return self.sock.getpeercert(binary_form=True) or b""


@contextmanager
def secure(server: RunningServer, account: str = DEMO, **more: Any) -> Iterator[Secure]:
    connection = Secure(server, account, **more)
    try:
        yield connection
    finally:
        connection.close()


def shown_by(server: RunningServer) -> bytes:
    with secure(server) as c:
        return c.certificate()


def test_attachments_go_and_come_back_whole(shared: RunningServer) -> None:
    data = pattern(50 * MB)
    with secure(shared) as c:
        event_id = c.create_event()
        answer, body = c.ask("POST", binaries(event_id), data)
        assert (answer.status, json.loads(body)["length"]) == (201, len(data))
        assert answer.headers["Location"] == f"{shared.url}{binaries(event_id)}"
        assert shared.url.startswith("https://")
        for workers_memory in range(2):
            assert c.ask("GET", binaries(event_id))[1] == data, workers_memory
        answer, body = c.ask("GET", binaries(event_id), Range="bytes=1000001-30000000")
        assert (answer.status, body) == (206, data[1_000_001:30_000_001])
        assert c.ask("GET", binaries(event_id), Range="bytes=-1")[1] == data[-1:]


def test_chunks_and_coded_bodies_arrive_whole(shared: RunningServer) -> None:
    data = pattern(5 * MB)
    with secure(shared) as c:
        event_id = c.create_event()
        for start in range(4 * MB, -1, -MB):
            part = data[start : start + MB]
            answer, _ = c.ask(
                "PUT", binaries(event_id), part, Content_Range=f"{start}-{start + MB - 1}/{len(data)}"
            )
        assert answer.status == 201
        assert c.ask("GET", binaries(event_id))[1] == data
        event_id = c.create_event()
        pieces = (data[n : n + 70_001] for n in range(0, len(data), 70_001))
        c.request(
            "POST", binaries(event_id), pieces, {"Authorization": c._authorization}, encode_chunked=True
        )
        answer = c.getresponse()
        assert (answer.status, json.load(answer)["length"]) == (201, len(data))
        assert c.ask("GET", binaries(event_id))[1] == data


def test_small_uploads_on_one_connection_are_each_answered(shared: RunningServer) -> None:
    with secure(shared) as c:
        for number in range(50):
            event_id, data = c.create_event(), pattern(1024 + number)
            assert c.ask("POST", binaries(event_id), data)[0].status == 201
            assert c.ask("GET", binaries(event_id))[1] == data


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_speaks_with_it(shared: RunningServer, authority: Authority, tmp_path: Path) -> None:
    data = pattern(3 * MB)
    (tmp_path / "file").write_bytes(data)
    with secure(shared) as c:
        event_id = c.create_event()
    url = f"https://localhost:{shared.port}{binaries(event_id)}"
    curl = ("curl", "-sS", "--fail", "-u", DEMO, "--cacert", str(authority.certificate), url)
    for options in (("-F", f"file=@{tmp_path / 'file'}"), ("-o", str(tmp_path / "back"))):
        subprocess.run([*curl, *options], check=True)
    assert (tmp_path / "back").read_bytes() == data
    done = subprocess.run([*curl, "-i", "-X", "DELETE", "--tlsv1.2", "--tls-max", "1.2"], capture_output=True)
    assert done.stdout.startswith(b"HTTP/1.1 204")


def test_plain_http_on_its_port_is_an_error_in_json(shared: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=30)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (400, "close")
    assert json.load(answer)["message"] == "This port speaks HTTPS; begin the address with https://."
    connection.close()


def test_nothing_is_negotiated_anew(shared: RunningServer) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{shared.port}"],
        input=b"R\n",
        capture_output=True,
        timeout=30,
    )
    assert b"RENEGOTIATING" in done.stderr + done.stdout
    assert b"no renegotiation" in done.stderr


@WORKERS
def test_a_stop_finishes_downloads_and_uploads(serve: Serve, authority: Authority, workers: int) -> None:
    server = serve("--demo", *authority.issue("stopped").options, workers=workers)
    data = pattern(20 * MB)
    with secure(server) as c, secure(server) as sender:
        event_id, other_id = c.create_event(), c.create_event()
        assert c.ask("POST", binaries(event_id), data)[0].status == 201
        c.request("GET", binaries(event_id), headers={"Authorization": c._authorization})
        answer = c.getresponse()
        got = answer.read(1000)
        sender.begin_upload(other_id, data)
        server.process.send_signal(signal.SIGTERM)
        assert until(lambda: not is_open(server))
        sender.finish_upload(data)
        assert got + answer.read() == data
    assert server.process.wait(30) == 0


def is_open(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port)).close()
    except ConnectionError:
        return False
    return True


class TestSelfSigned:
    def fingerprint(self, server: RunningServer) -> str:
        found = re.search(r"SHA-256 fingerprint ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", "\n".join(server.lines))
        assert found
        return found[1]

    @WORKERS
    def test_is_made_once_and_its_fingerprint_told_at_each_start(
        self, serve: Serve, tmp_path: Path, workers: int
    ) -> None:
        told, shown = set(), set()
        for _ in range(2):
            server = serve("--demo", "--tls-self-signed", workers=workers)
            told.add(self.fingerprint(server))
            shown.add(shown_by(server))
            assert server.stop() == 0
        folder = tmp_path / "data" / "tls"
        said = openssl("x509", "-in", folder / "certificate.pem", "-noout", "-fingerprint", "-sha256")
        assert told == {said.strip().partition("=")[2]}
        assert shown == {ssl.PEM_cert_to_DER_cert((folder / "certificate.pem").read_text())}
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.pem")} == {0o600}

    def test_is_believed_under_its_names_by_who_has_the_file(self, serve: Serve, tmp_path: Path) -> None:
        server = serve("--demo", "--tls-self-signed", "--public-url", "https://box.example:8443")
        certificate = tmp_path / "data" / "tls" / "certificate.pem"
        context = ssl.create_default_context(cafile=certificate)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        names = [socket.gethostname(), "localhost", "127.0.0.1", "::1", "box.example"]
        for name in names:
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                context.wrap_socket(sock, server_hostname=name).close()
        text = openssl("x509", "-in", certificate, "-noout", "-text")
        assert "prime256v1" in text
        # Apple's systems take no more (support.apple.com/HT210176).
        times = [ssl.cert_time_to_seconds(t) for t in re.findall(r"Not (?:Before|After) ?: (.*)", text)]
        assert 800 * 86_400 < times[1] - times[0] <= 825 * 86_400

    @pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
    def test_the_demo_lines_work_as_printed(self, serve: Serve, tmp_path: Path) -> None:
        server = serve("--demo", "--tls-self-signed")
        assert server.process.stdout
        lines = [server.process.stdout.readline().strip() for _ in range(4)]
        for line in lines[1:]:
            subprocess.run(line.replace("curl", "curl -sS --fail", 1), shell=True, cwd=tmp_path, check=True)
        assert (tmp_path / "thermogram.png").read_bytes().startswith(b"\x89PNG")

    def test_is_made_anew_of_the_same_key_before_it_expires(self, serve: Serve, tmp_path: Path) -> None:
        server = serve("--demo", "--tls-self-signed")
        folder = tmp_path / "data" / "tls"
        assert server.stop() == 0
        first, key = shown_key(folder), (folder / "key.pem").read_bytes()
        old = openssl("req", "-x509", "-key", folder / "key.pem", "-subj", "/CN=localhost", "-days", "89")
        (folder / "certificate.pem").write_text(old)
        server = serve("--demo", "--tls-self-signed")
        assert shown_by(server) != ssl.PEM_cert_to_DER_cert(old)
        assert (shown_key(folder), (folder / "key.pem").read_bytes()) == (first, key)
        # While it runs, SIGHUP does the same.
        (folder / "certificate.pem").write_text(old)
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: (folder / "certificate.pem").read_text() != old)
        new = ssl.PEM_cert_to_DER_cert((folder / "certificate.pem").read_text())
        assert until(lambda: shown_by(server) == new)

    def test_what_a_killed_start_left_is_completed(self, serve: Serve, tmp_path: Path) -> None:
        folder = tmp_path / "data" / "tls"
        assert serve("--demo", "--tls-self-signed").stop() == 0
        key = (folder / "key.pem").read_bytes()
        (folder / "certificate.pem").unlink()
        (folder / ".key.pem.0123").write_text("half of a k")
        server = serve("--demo", "--tls-self-signed")
        assert shown_by(server)
        assert sorted(os.listdir(folder)) == ["certificate.pem", "key.pem", "lock"]
        assert (folder / "key.pem").read_bytes() == key

    def test_the_box_whose_clock_stands_at_1970_gets_one_that_lasts(
        self, tmp_path: Path, command: Callable[..., str]
    ) -> None:
        # The clock is set while it runs.
        faketime = command("faketime")
        script = (
            "from pathlib import Path; from c8ybin.cli.self_signed import SelfSigned;"
            "SelfSigned(Path(__import__('sys').argv[1]), ['box'], None)"
        )
        subprocess.run(
            [faketime, "1970-01-02 00:00:00", sys.executable, "-c", script, str(tmp_path / "tls")],
            check=True,
        )
        end = openssl("x509", "-in", tmp_path / "tls" / "certificate.pem", "-noout", "-enddate")
        assert ssl.cert_time_to_seconds(end.strip().partition("=")[2]) > time.time() + 300 * 86_400

    def test_without_the_openssl_command_is_one_sentence(self, tmp_path: Path) -> None:
        done = refused_start(tmp_path, "--tls-self-signed", PATH="/nonexistent")
        assert "needs the command openssl; install it" in done

    def test_is_in_no_backup_and_no_finding(self, serve: Serve, tmp_path: Path) -> None:
        assert serve("--demo", "--tls-self-signed").stop() == 0
        data, archive = str(tmp_path / "data"), tmp_path / "archive.tar"
        run = [sys.executable, "-m", "c8ybin"]
        subprocess.run([*run, "backup", "--data", data, "-o", str(archive)], check=True)
        assert b"PRIVATE KEY" not in archive.read_bytes()
        subprocess.run([*run, "check", "--data", data], check=True)
        # A restore leaves the key of this machine where it is.
        key = (tmp_path / "data" / "tls" / "key.pem").read_bytes()
        subprocess.run([*run, "restore", "--replace", "--data", data, str(archive)], check=True)
        assert (tmp_path / "data" / "tls" / "key.pem").read_bytes() == key
        subprocess.run([*run, "check", "--data", data], check=True)


def shown_key(folder: Path) -> str:
    return openssl("x509", "-in", folder / "certificate.pem", "-noout", "-pubkey")


def refused_start(tmp_path: Path, *arguments: str, **environment: str) -> str:
    """Return the one sentence with which a start is refused."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "c8ybin",
            "serve",
            "--data",
            str(tmp_path / "data"),
            "--port",
            "0",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")} | environment,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    return done.stderr


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, authority: Authority) -> None:
    old, good = authority.issue("old", years=(2020, 2021)), authority.issue("good")
    assert "has expired; renew it." in refused_start(tmp_path, *old.options)
    assert "is not that of the certificate" in refused_start(
        tmp_path, *Pair(good.certificate, old.key).options
    )
    assert not (tmp_path / "data").exists()


@WORKERS
def test_a_hang_up_exchanges_the_certificate_and_drops_nobody(
    serve: Serve, authority: Authority, tmp_path: Path, workers: int
) -> None:
    live = Pair(tmp_path / "live.pem", tmp_path / "live.key")

    def put(new: Pair) -> bytes:
        shutil.copy(new.certificate, live.certificate)
        shutil.copy(new.key, live.key)
        return ssl.PEM_cert_to_DER_cert(new.certificate.read_text())

    first, data = put(authority.issue("first")), pattern(2 * MB)
    server = serve("--demo", *live.options, workers=workers)
    assert shown_by(server) == first
    with secure(server) as c, secure(server) as sender:
        event_id = c.create_event()
        sender.begin_upload(event_id, data)
        second = put(authority.issue("second"))
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: shown_by(server) == second)
        # In every worker.
        assert until(lambda: {shown_by(server) for _ in range(20)} == {second})
        assert c.ask("GET", "/health")[0].status == 200
        sender.finish_upload(data)
        # One that cannot be used changes nothing, and is told once.
        live.certificate.write_text("half of a certificate")
        server.process.send_signal(signal.SIGHUP)
        assert server.process.stdout
        while "the old certificate stays in use" not in (line := server.process.stdout.readline()):
            assert line
        assert c.ask("GET", "/health")[0].status == 200
        assert shown_by(server) == second
        if workers == 2:
            # Who takes a dead worker's place has it, too.
            before = server.workers()
            os.kill(min(before), signal.SIGKILL)
            assert until(lambda: len(server.workers() - before) == 1)
            assert until(lambda: {shown_by(server) for _ in range(20)} == {second})
    assert server.stop() == 0
    assert not any("stays in use" in line for line in server.lines)


def test_hang_ups_under_load_with_certificates_that_cannot_be_used_cost_no_request(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    live, good, other = (
        Pair(tmp_path / "live.pem", tmp_path / "live.key"),
        authority.issue("good"),
        authority.issue("other"),
    )
    shutil.copy(good.certificate, live.certificate)
    shutil.copy(good.key, live.key)
    server = serve("--demo", *live.options, workers=2)
    first, over, failures = shown_by(server), threading.Event(), []

    def ask() -> None:
        try:
            while not over.is_set():
                with secure(server) as c:
                    for _ in range(3):
                        assert c.ask("GET", "/health")[0].status == 200
        except Exception as error:
            failures.append(error)

    def told(line: str) -> bool:
        return "the old certificate stays in use" in line

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert server.process.stdout
    broken = (b"half of a c", b"", other.certificate.read_bytes(), os.urandom(3000))
    for content in broken:
        live.certificate.write_bytes(content)
        server.process.send_signal(signal.SIGHUP)
        while not told(line := server.process.stdout.readline()):
            assert line
    live.certificate.unlink()
    for _ in range(20):
        server.process.send_signal(signal.SIGHUP)
    while not told(line := server.process.stdout.readline()):
        assert line
    assert shown_by(server) == first
    shutil.copy(other.certificate, live.certificate)
    shutil.copy(other.key, live.key)
    server.process.send_signal(signal.SIGHUP)
    second = ssl.PEM_cert_to_DER_cert(other.certificate.read_text())
    assert until(lambda: {shown_by(server) for _ in range(10)} == {second})
    over.set()
    for thread in threads:
        thread.join(30)
    assert not failures
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.lines)


@WORKERS
def test_without_tls_a_hang_up_changes_nothing(serve: Serve, workers: int) -> None:
    server = serve("--demo", workers=workers)
    server.process.send_signal(signal.SIGHUP)
    for worker in server.workers():
        os.kill(worker, signal.SIGHUP)
    workers_before = server.workers()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(10):
        connection.request("GET", "/health")
        assert b'"status":"UP"' in connection.getresponse().read()
    connection.close()
    assert server.workers() == workers_before
    assert server.stop() == 0


@contextmanager
def in_terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
    """Run a command in a terminal of its own; yield its process and our end of the terminal, and end both."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "c8ybin", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(its)
    with open(ours, "r+b", buffering=0) as terminal:
        try:
            yield process, terminal
        finally:
            process.kill()  # where the test has not ended it; its workers see that it is gone
            process.wait()


@WORKERS
def test_a_terminal_that_is_gone_ends_it(tmp_path: Path, workers: int) -> None:
    data = tmp_path / "data"
    options = ("--demo", "--data", str(data), "--port", "0", "--workers", str(workers))
    with in_terminal("serve", *options) as (process, terminal):
        said = b""
        while b"-d hello" not in said:  # the last line that it writes
            said += terminal.read(1000)
        terminal.close()
        # 120: its last words had nowhere to go.
        assert process.wait(30) in (0, 120)
    assert until(lambda: not any((data / "tmp").iterdir()))


class TestClientCertificates:
    def ask(
        self,
        server: RunningServer,
        pair: Pair | None,
        account: str | None = None,
        path: str = "/user/currentUser",
    ) -> tuple[int, Any]:
        context = believing()
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        with secure(server, context=context) as c:
            fields = (
                {"Authorization": "Basic " + base64.b64encode(account.encode()).decode()} if account else {}
            )
            c.request("GET", path, headers=fields)
            answer = c.getresponse()
            return answer.status, json.load(answer)

    def test_the_name_in_a_good_one_is_the_user(self, shared: RunningServer, authority: Authority) -> None:
        status, body = self.ask(shared, authority.issue("demo", "clientAuth"))
        assert (status, body["userName"]) == (200, "demo")

    def test_an_authorization_that_is_there_is_what_counts(
        self, shared: RunningServer, authority: Authority
    ) -> None:
        pair = authority.issue("demo", "clientAuth")
        assert self.ask(shared, pair, "demo:wrong")[0] == 401
        stranger = authority.issue("stranger", "clientAuth")
        assert self.ask(shared, stranger, DEMO)[0] == 200

    def test_a_name_that_no_account_has_is_refused(self, shared: RunningServer, authority: Authority) -> None:
        for name in ("stranger", "", "Demo", "tenant/demo"):
            pair = authority.issue("odd", "clientAuth", subject=f"/CN={name.replace('/', chr(92) + '/')}")
            assert self.ask(shared, pair)[0] == 401

    def test_none_needs_a_password(self, shared: RunningServer) -> None:
        assert self.ask(shared, None)[0] == 401
        assert self.ask(shared, None, DEMO)[0] == 200

    def test_those_of_others_and_expired_ones_get_no_answer(
        self, shared: RunningServer, authority: Authority, tmp_path: Path
    ) -> None:
        other = Authority(tmp_path / "other").issue("demo", "clientAuth")
        old = authority.issue("demo", "clientAuth", years=(2020, 2021))
        for pair, reason in ((other, "unknown ca"), (old, "certificate expired")):
            with pytest.raises(ssl.SSLError, match=reason):
                self.ask(shared, pair, DEMO)

    def test_an_account_that_is_disabled_or_removed_is_out_at_once(
        self, serve: Serve, authority: Authority, tmp_path: Path
    ) -> None:
        server = serve(*authority.issue("s").options, "--tls-client-ca", str(authority.certificate))
        accounts = Accounts(tmp_path / "data")
        accounts.add("device", "secret", [EVENT_READ])
        pair = authority.issue("device", "clientAuth")
        context = believing()
        context.load_cert_chain(pair.certificate, pair.key)
        changes = accounts.changes
        with secure(server, context=context) as c:
            statuses = []
            for change in (accounts.user, changes.disable, changes.enable, changes.remove):
                change("device")
                c.request("GET", "/user/currentUser")
                answer = c.getresponse()
                answer.read()
                statuses.append(answer.status)
        accounts.close()
        assert statuses == [200, 401, 200, 401]

    def test_nobody_can_send_the_name_in_a_field(self, shared: RunningServer) -> None:
        with secure(shared) as c:
            c.request(
                "GET",
                "/user/currentUser",
                headers={"c8ybin.client_name": "demo", "C8ybin-Client-Name": "demo"},
            )
            assert c.getresponse().status in (400, 401)
