"""Sends the payloads to a server and judges its answers; also `scripts/payloads`."""

import argparse
import base64
import json
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from harness import DEMO, RunningServer, binaries, connected, servers
from payloads import MAX_BINARY, PAYLOADS, Payload

AUTHORIZATION = b"Basic " + base64.b64encode(DEMO.encode())
CONTENT = b"untouched"
SETTINGS = ("--demo", "--body-timeout", "1s", "--max-binary", str(MAX_BINARY))
AT_ONCE = 12
_PATIENCE_S = 30.0
_PAUSE_S = 0.1


@dataclass(frozen=True)
class Answer:
    """What came back: statuses and bodies in their order, and whether the connection ended in order."""

    statuses: list[int]
    errors: list[bool]
    ended: bool


@dataclass(frozen=True)
class Verdict:
    """What became of a payload.

    Attributes:
        faults: What was wrong; none where it was refused as it should.
        accepted: Whether some request in it was carried out.
    """

    payload: Payload
    answer: Answer
    faults: list[str]
    accepted: bool


def send(port: int, payload: Payload, path: str) -> Answer:
    """Send a payload and read to the end of the connection."""
    raw = payload.raw.replace(b"@PATH", path.encode()).replace(b"@AUTH", AUTHORIZATION)
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as sock:
        received, ended = b"", False
        try:
            with suppress(ConnectionError):  # it may be refused before it is all sent
                sock.sendall(raw)
            if payload.then:
                _go_on(sock, payload.then)
            while block := sock.recv(65536):
                received += block
            ended = True
        except (ConnectionError, TimeoutError):
            pass
    return _read(received, ended)


def _go_on(sock: socket.socket, piece: bytes) -> None:
    """Send a piece now and then until there is an answer."""
    deadline = time.monotonic() + _PATIENCE_S
    sock.settimeout(_PAUSE_S)
    while time.monotonic() < deadline:
        with suppress(TimeoutError):
            sock.recv(1, socket.MSG_PEEK)
            break
        sock.sendall(piece)
    sock.settimeout(_PATIENCE_S)


def _read(received: bytes, ended: bool) -> Answer:
    statuses, errors = [], []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value for name, _, value in (line.partition(": ") for line in fields)}
        length = int(named.get("content-length", "0"))
        body, received = received[:length], received[length:]
        statuses.append(int(first.split()[1]))
        errors.append(_is_error(named, body) and named.get("connection") == "close")
    return Answer(statuses, errors, ended)


def _is_error(fields: dict[str, str], body: bytes) -> bool:
    try:
        members = json.loads(body)
    except ValueError:
        return False
    return (
        fields.get("content-type", "").startswith("application/vnd.com.nsn.cumulocity.error+json")
        and set(members) == {"error", "message", "info"}
        and all(members.values())
    )


def try_out(server: RunningServer, payload: Payload) -> Verdict:
    """Send a payload that must be refused, to an attachment of its own."""
    with connected(server) as c:
        path = binaries(c.create_event())
        assert c.ask("PUT", path, CONTENT)[0].status == 201
    answer = send(server.port, payload, path)
    with connected(server) as c:
        touched = c.ask("GET", path)[1] != CONTENT
    faults = []
    if len(answer.statuses) > 1:
        faults.append(f"{len(answer.statuses)} answers: {answer.statuses}")
    elif tuple(answer.statuses) not in ([(status,) for status in payload.statuses] or [()]):
        faults.append(f"answered {answer.statuses}, not {payload.statuses}")
    if not all(answer.errors):
        faults.append("the answer is not our error, or does not say that the connection ends")
    if not answer.ended:
        faults.append("the connection did not end in order")
    if touched:
        faults.append("a request was carried out")
    return Verdict(payload, answer, faults, touched or any(status < 400 for status in answer.statuses))


def try_all(server: RunningServer, payloads: list[Payload]) -> list[Verdict]:
    """Send all of them, some at once, those first that take long."""
    ordered = sorted(payloads, key=lambda payload: not payload.waits)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda payload: try_out(server, payload), ordered))


def main() -> int:
    """Start a server, send all payloads, and tell how many were accepted."""
    parser = argparse.ArgumentParser(prog="scripts/payloads", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print each payload and its answer as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder) / "data") as serve:
        server = serve(*SETTINGS)
        began = time.monotonic()
        verdicts = try_all(server, PAYLOADS)
        seconds = time.monotonic() - began
        server.stop()
    accepted = sum(verdict.accepted for verdict in verdicts)
    faulty = [verdict for verdict in verdicts if verdict.faults]
    if arguments.json:
        told = [{"name": v.payload.name, "statuses": v.answer.statuses, "faults": v.faults} for v in verdicts]
        whole = {"payloads": len(told), "accepted": accepted, "seconds": seconds, "each": told}
        sys.stdout.write(json.dumps(whole) + "\n")
    else:
        for verdict in faulty:
            sys.stdout.write(f"{verdict.payload.name}: {'; '.join(verdict.faults)}\n")
        sys.stdout.write(f"{len(verdicts)} payloads, {accepted} accepted\n")
    return 1 if accepted or faulty else 0


if __name__ == "__main__":
    sys.exit(main())
