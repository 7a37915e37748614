"""A client of the API: of a c8ybin, and of Cumulocity itself.

    connection.py   requests to one server, tried again where that may help
    events.py       events, and what they tell of their attachments
    upload.py       a file to an event: whole, or in chunks that resume
    download.py     an attachment to whoever takes its bytes, resumed by Range

It knows neither the environment nor files by their names, nor a terminal: those are the command line's.
"""

from c8ybin.client.connection import RETRIES, Connection
from c8ybin.client.download import Download, Fetched, Remote
from c8ybin.client.errors import (
    AttachmentExists,
    ClientError,
    FileChanged,
    Interrupted,
    NoConnection,
    NotAllowed,
    NotFound,
    Refused,
    WrongBytes,
    printable,
)
from c8ybin.client.events import Events, binary_of
from c8ybin.client.sources import Source, look_at
from c8ybin.client.trust import trusting
from c8ybin.client.upload import CHUNK_BYTES, PARALLEL, Sent, Upload

__all__ = [
    "CHUNK_BYTES",
    "PARALLEL",
    "RETRIES",
    "AttachmentExists",
    "ClientError",
    "Connection",
    "Download",
    "Events",
    "Fetched",
    "FileChanged",
    "Interrupted",
    "NoConnection",
    "NotAllowed",
    "NotFound",
    "Refused",
    "Remote",
    "Sent",
    "Source",
    "Upload",
    "WrongBytes",
    "binary_of",
    "look_at",
    "printable",
    "trusting",
]
