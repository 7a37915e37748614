"""What the replayed requests share: they are written out, byte for byte, and go over a socket."""

import base64
import json
from typing import Any

from server_tools import Raw, Reply

MAX_BINARY = 1 << 20  # what the server is told
USER, PASSWORD = "ann", "anns secret"
TOKEN = base64.b64encode(f"t100/{USER}:{PASSWORD}".encode()).decode()
EVERY_BYTE = bytes(range(256)) * 5


def filled(text: str, **values: object) -> str:
    """Return a request's head with CRLF for its line ends and `<name>` replaced; TOKEN is always known."""
    for name, value in {"token": TOKEN, **values}.items():
        text = text.replace(f"<{name}>", str(value))
    return text.replace("\n", "\r\n")


class Wire(Raw):
    """A connection on which requests are replayed."""

    def __enter__(self) -> "Wire":
        return self

    def replay(self, head: str, body: bytes = b"", **values: object) -> Reply:
        """Send a request and return the answer.

        Args:
            head: The request line and the header, with an empty line after it; `<length>` is that of the body.
            body: The bytes after it.
            values: What stands in angle brackets in the head.
        """
        head = filled(head.lstrip("\n"), length=len(body), **values)
        assert head.endswith("\r\n\r\n"), "the empty line after the header is missing"
        self.send(head.encode() + body)
        return self.reply(head.partition(" ")[0])

    def read(self, path: str) -> Any:
        """Read a resource's JSON, in words of our own."""
        answer = self.replay(
            "GET <path> HTTP/1.1\nHost: c8y.test\nAuthorization: Basic <token>\nAccept: application/json\n\n",
            path=path,
        )
        assert answer.status == 200
        return json.loads(answer.body)


def new_device(wire: Wire, name: str, serial: str | None = None) -> str:
    """Create a device, in words of our own; return its ID."""
    head = "POST <path> HTTP/1.1\nHost: c8y.test\nAuthorization: Basic <token>\nAccept: application/json\n"
    head += "Content-Length: <length>\n\n"
    body = json.dumps({"name": name, "c8y_IsDevice": {}}).encode()
    answer = wire.replay(head, body, path="/inventory/managedObjects")
    assert answer.status == 201
    made = str(json.loads(answer.body)["id"])
    if serial:
        body = json.dumps({"type": "c8y_Serial", "externalId": serial}).encode()
        assert wire.replay(head, body, path=f"/identity/globalIds/{made}/externalIds").status == 201
    return made
