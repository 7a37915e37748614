"""The server: waitress made to stream. It knows nothing of events, and is handed a WSGI application.

The way of a request:

1. The main loop (`loop.py`, `serving.py`) reads its header (`request.py`, by the rules of `header.py`).
2. A worker (`threads.py`) calls the application (`answer.py`); what only reads, the main loop calls
   itself, as long as that is answered from memory.
3. The application refuses, or reads the body (`incoming.py`) from the socket into its file.
4. The answer (`outgoing.py`) leaves from memory, or from a file by sendfile(2).
5. Whoever sent it arms the connection (`channel.py`) for the next request, or for closing.

A connection belongs to one thread at a time, so none of its parts needs a lock.

header.py       what a header may be
coding.py       what a body in chunks may be
sending.py      the half of a connection by which answers leave
standing.py     how early one goes where more come than may stand
places.py       how many connections stand, and which go when more come
tally.py        what is told of those
pace.py         how fast an answer is read
drain.py        what a refused client still sends
spare.py        a descriptor for when no other is left
faulty.py       connections that an application may cut and slow down
telling.py      the ID of a request, and what is told of it once its answer is out
tls.py          the certificate of the server, and how it is exchanged
secured.py      a connection that encrypts, used as one that does not
records.py      where what such a one receives begins and ends
sockets.py      the listening socket, made here or passed by systemd
supervisor.py   several processes over one listening socket
shares.py       how they share its connections
worker.py       what each is told, and what is kept of it
notify.py       what the service manager is told
"""

from c8ybin.server.notify import READY, STOPPING, Notifier
from c8ybin.server.places import Limits
from c8ybin.server.serving import Server
from c8ybin.server.shares import Share
from c8ybin.server.sockets import UnfitSocket, is_local, listen, passed, url_of
from c8ybin.server.supervisor import Supervisor
from c8ybin.server.tls import Tls, TlsFiles, UnfitCertificate
from c8ybin.server.worker import Worker

__all__ = [
    "READY",
    "STOPPING",
    "Limits",
    "Notifier",
    "Server",
    "Share",
    "Supervisor",
    "Tls",
    "TlsFiles",
    "UnfitCertificate",
    "UnfitSocket",
    "Worker",
    "is_local",
    "listen",
    "passed",
    "url_of",
]
