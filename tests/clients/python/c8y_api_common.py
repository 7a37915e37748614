"""What the checks of c8y_api share: a connection, and events to work with.

What c8y_api sends and expects is its own; what must come back is the platform's documented behaviour, as the
client's own tests against a live tenant hold it (cumulocity-python-api, integration_tests/test_events.py).
"""

from itertools import count

from c8y_api import CumulocityApi
from c8y_api.model import Event
from checks import SETTING

URL = SETTING["url"]
TIME = "2026-11-24T12:00:00.000Z"
MISSING = "102522209"  # the ID of no event

_sources = count(1001)


def connect(user="ann", password=None, **more):
    return CumulocityApi(URL, "t100", user, password or SETTING[user], **more)


C8Y = connect()


def new_source():
    return str(next(_sources))


def new(time=TIME, type="c8y_Test", source=None, text="a text", **fragments):  # noqa: A002
    """Create an event, of a source that no other event has unless it is named."""
    source = source or new_source()
    return Event(C8Y, type=type, time=time, source=source, text=text, **fragments).create()


def series(n=7):
    """Create events of one source, a minute apart; return the source and their IDs from the oldest on."""
    source = new_source()
    return source, [new(f"2026-11-24T12:{minute:02}:00.000Z", source=source).id for minute in range(n)]


def ids(**filters):
    return [event.id for event in C8Y.events.get_all(**filters)]
