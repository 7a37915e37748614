"""The servers that are compared: how each is started, and how it is asked to take and give files."""

import base64
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import Failed, Load, request
from bench.servers import Command, Peer, Running
from bench.tools import HERE, Tools

SMALL = 1024
BIG = 50_000_000

_EVENT = {"source": {"id": "1001"}, "type": "bench", "time": "2026-11-24T12:00:00.000Z", "text": "bench"}
_TUS = "Tus-Resumable: 1.0.0"
_TUS_BODY = "Content-Type: application/offset+octet-stream"
_BINARY = "Content-Type: application/octet-stream"


def path_of(url: str) -> str:
    """Return the path of a URL, which may have no scheme and no host."""
    return urlsplit(url).path


def _c8ybin(_: Tools, root: Path, port: int) -> Command:
    return [sys.executable, "-m", "c8ybin", "serve", "--demo", "--data", root / "data", "--port", str(port)]


def _c8ybin_with_tls(tools: Tools, root: Path, port: int) -> Command:
    return [*_c8ybin(tools, root, port), "--tls-self-signed"]


def _create_events(server: Running, load: Load, count: int) -> list[str]:
    """Create events; return the paths of their binaries."""
    creations = [request("POST", "/event/events", 0, 201, "Content-Type: application/json")] * count
    outcome = load.run(
        server.port, creations, body=json.dumps(_EVENT), headers=server.peer.headers, wants_locations=True
    )
    if outcome.figures["errors"]:
        raise Failed(f"no events: {outcome.figures['first_error']}")
    return [f"{path_of(location)}/binaries" for location in outcome.locations]


def _attach(server: Running, load: Load, count: int, size: int) -> list[str]:
    return [request("POST", path, size, 201, _BINARY) for path in _create_events(server, load, count)]


def _attach_in_chunks(server: Running, load: Load, count: int, size: int, parts: int) -> list[str]:
    part = size // parts
    return [
        request(
            "POST",
            path,
            part,
            201 if start + part == size else 200,
            _BINARY,
            f"Content-Range: {start}-{start + part - 1}/{size}",
        )
        for path in _create_events(server, load, count)
        for start in range(0, size, part)
    ]


def _nginx(tools: Tools, root: Path, port: int) -> Command:
    for name in ("files", "temporary"):
        (root / name).mkdir(exist_ok=True)
    places = "".join(
        f"{name}_temp_path {root}/temporary/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (root / "nginx.conf").write_text(
        f"""{"user root;" if os.geteuid() == 0 else ""}
        worker_processes auto;
        pid {root}/nginx.pid;
        error_log stderr;
        events {{ worker_connections 1024; }}
        http {{
            {places}
            access_log off;
            sendfile on;
            tcp_nopush on;
            keepalive_requests 100000000;
            client_max_body_size 1g;
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    root {root};
                    dav_methods PUT;
                }}
            }}
        }}
        """
    )
    assert tools.nginx
    return [tools.nginx, "-e", "stderr", "-p", root, "-c", root / "nginx.conf", "-g", "daemon off;"]


def _put(_: Running, __: Load, count: int, size: int) -> list[str]:
    return [request("PUT", f"/files/{number}", size, 201, _BINARY) for number in range(count)]


def _put_no_content_type(_: Running, __: Load, count: int, size: int) -> list[str]:
    return [request("PUT", f"/files/{number}", size, 201) for number in range(count)]


def _tus(tools: Tools, root: Path, port: int) -> Command:
    assert tools.tus
    return ["node", tools.tus, root / "files", str(port)]


def _tus_create(_: Running, __: Load, count: int, size: int) -> list[str]:
    """Creation with upload: the whole file in one request (tus 1.0.0, "Creation With Upload")."""
    return [request("POST", "/files", size, 201, _TUS_BODY, f"Upload-Length: {size}")] * count


def _tus_chunks(server: Running, load: Load, count: int, size: int, parts: int) -> list[str]:
    creations = [request("POST", "/files", 0, 201, f"Upload-Length: {size}")] * count
    outcome = load.run(server.port, creations, headers=server.peer.headers, wants_locations=True)
    part = size // parts
    return [
        request("PATCH", path_of(location), part, 204, _TUS_BODY, f"Upload-Offset: {start}")
        for location in outcome.locations
        for start in range(0, size, part)
    ]


def _copyparty(tools: Tools, root: Path, port: int) -> Command:
    (root / "files").mkdir(exist_ok=True)
    assert tools.copyparty
    volume = f"{root / 'files'}:/files:rw"
    return [tools.copyparty, "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(port), "-v", volume]


def _plain(_: Tools, root: Path, port: int) -> Command:
    for name in ("events", "tmp"):
        (root / name).mkdir(exist_ok=True)
    return [sys.executable, HERE / "plain_app.py", root, str(port)]


def _plain_with_fsync(tools: Tools, root: Path, port: int) -> Command:
    return [*_plain(tools, root, port), "--fsync"]


def _put_into_events(server: Running, load: Load, count: int, size: int) -> list[str]:
    for number in range(count):
        home = server.root / "events" / str(number)
        home.mkdir()
        (home / "event.json").write_text(json.dumps(_EVENT))
    return _put(server, load, count, size)


def _wire(tools: Tools, root: Path, port: int) -> Command:
    files = {root / "small": SMALL, root / "big": BIG}
    for path, size in files.items():
        path.write_bytes(bytes(size))
    return [tools.program("wire"), str(port), *files]


_BASIC = base64.b64encode(b"demo:demo").decode()

C8YBIN = Peer(
    "c8ybin",
    "c8ybin",
    True,
    _c8ybin,
    _attach,
    _attach_in_chunks,
    headers=(f"Authorization: Basic {_BASIC}",),
    ready="/health",
)
C8YBIN_TLS = replace(C8YBIN, name="c8ybin-tls", title="c8ybin, TLS", command=_c8ybin_with_tls, encrypts=True)
NGINX = Peer("nginx", "nginx, dav module", False, _nginx, _put)
TUS = Peer("tus", "@tus/server 1.x", False, _tus, _tus_create, _tus_chunks, headers=(_TUS,), is_located=True)
COPYPARTY = Peer("copyparty", "copyparty", False, _copyparty, _put_no_content_type)
PLAIN = Peer("plain", "falcon + waitress, plain", False, _plain, _put_into_events)
PLAIN_FSYNC = Peer("plain-fsync", "the same, fsyncs as c8ybin", True, _plain_with_fsync, _put_into_events)
WIRE = Peer("wire", "C: discard, sendfile", False, _wire, _put)

PEERS = (C8YBIN, C8YBIN_TLS, NGINX, TUS, COPYPARTY, PLAIN, PLAIN_FSYNC, WIRE)
