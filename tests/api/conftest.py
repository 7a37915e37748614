"""Requests as bytes and header fields, what an error looks like, what must not change, a clock by hand."""

import base64
import json
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO

import pytest

ERROR_TYPE = "application/vnd.com.nsn.cumulocity.error+json;charset=UTF-8;ver=0.9"
INFO = "https://www.cumulocity.com/guides/reference-guide/#error_reporting"


@pytest.fixture(scope="module", autouse=True)
def quick_starts():
    """Let a store start without a thousand files, and accounts without scrypt's price: some 0.4 s a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("c8ybin.store.layout.LOCKS", 16)
        patch.setattr("c8ybin.store.opening.LOCKS", 16)
        patch.setattr("c8ybin.accounts.passwords._COST", {"n": 2, "r": 8, "p": 1})
        yield


@pytest.fixture
def event(client):
    """The ID of a new event."""
    return client.create_event()


@pytest.fixture
def url(client, event):
    """Where the binary of `event` is."""
    return client.binaries(event)


@pytest.fixture(scope="session")
def ask():
    """Send exactly these bytes and header fields, and return the answer whatever its status.

    `length` is the Content-Length that is told: that of the body by default, False for none.
    """

    def send(client, method, path, body=b"", headers=None, *, length=None, stream=None, **environ):
        request = client.RequestClass.blank(path, {**client.extra_environ, **environ})
        request.method = method
        request.environ["wsgi.input"] = stream or BytesIO(body)
        request.environ.pop("CONTENT_LENGTH", None)
        if length is None and (body or method not in ("GET", "HEAD")):
            length = len(body)
        if length is not None and length is not False:
            request.environ["CONTENT_LENGTH"] = str(length)
        request.headers.update(headers or {})
        return client.do_request(request, expect_errors=True)

    return send


@pytest.fixture(scope="session")
def refused():
    """Assert that an answer is an error with exactly the JSON that all errors have; return its message."""

    def check(answer, status, code=None):
        assert answer.status_int == status, answer.body
        assert answer.headers["Content-Type"] == ERROR_TYPE
        assert "Server" not in answer.headers
        document = json.loads(answer.body)
        assert list(document) == ["error", "message", "info"]
        assert document["info"] == INFO
        assert all(isinstance(v, str) and v for v in document.values())
        assert code is None or document["error"] == code
        assert "Traceback" not in document["message"]
        assert "/data" not in document["message"]
        return document["message"]

    return check


@pytest.fixture(scope="session")
def unchanged():
    """Assert that the block changes nothing on the disk and leaves no received body behind."""

    @contextmanager
    def watch(client):
        before = client.files()
        yield
        assert client.files() == before
        assert client.received() == []

    return watch


@pytest.fixture(scope="session")
def as_user():
    """Add an account with these roles, and return the header field that it sends."""

    def add(client, name, *roles):
        client.accounts.add(name, "a password", roles)
        pair = base64.b64encode(f"{name}:a password".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    return add


class Hands:
    """The time of all stores of a client, in milliseconds since 1970; stands still until it is moved."""

    def __init__(self, stores):
        self.ms = max(store.clock.now_ms() for store in stores) + 1000
        for store in stores:
            store.clock._wall_s = lambda: Fraction(self.ms, 1000)

    def move(self, ms):
        self.ms += ms
        return self.ms


@pytest.fixture
def clock(client):
    return Hands(client.stores)


class Forbidden(BytesIO):
    """A body that nobody may read: what is refused before it is refused without it."""

    def read(self, *_):
        raise AssertionError("the body was read")


@pytest.fixture
def untouched_body():
    return Forbidden()


@pytest.fixture(scope="session")
def in_pieces():
    """A body that arrives a few bytes at a time, and ends by itself as chunked coding does."""

    class Pieces(BytesIO):
        def __init__(self, body, size):
            super().__init__(body)
            self.size = size

        def read(self, count=-1):
            return super().read(min(self.size, count) if count >= 0 else self.size)

    return Pieces


@pytest.fixture(scope="session")
def meanwhile():
    """A body during whose arrival something else happens."""

    class Body(BytesIO):
        def __init__(self, body, action):
            super().__init__(body)
            self.action = action

        def read(self, *count):
            action, self.action = self.action, None
            if action:
                action()
            return super().read(*count)

    return Body


@pytest.fixture(scope="session")
def coded_in_chunks():
    """What a WSGI server tells of a body with Transfer-Encoding: chunked, for `ask`."""
    return {"length": False, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.fixture(scope="session")
def event_of():
    def read(client, event_id):
        return client.get(f"/event/events/{event_id}").json

    return read
