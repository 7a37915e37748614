"""The server: waitress made to stream. It knows nothing of events, and is handed a WSGI application.

The way of a request:

1. The main loop (`loop.py`, `serving.py`) reads its header (`request.py`), as waitress parses it.
2. A worker (`threads.py`) calls the application (`answer.py`); what only reads, the main loop calls
   itself, as long as that is answered from memory.
3. The application refuses, or reads the body (`incoming.py`) from the socket into its file.
4. The answer (`outgoing.py`) leaves from memory, or from a file by sendfile(2).
5. Whoever sent it arms the connection (`channel.py`) for the next request, or for closing.

A connection belongs to one thread at a time, so none of its parts needs a lock.

sockets.py      the listening socket, made here or passed by systemd
supervisor.py   several processes over one listening socket
shares.py       how they share its connections
worker.py       what each is told, and what is kept of it
notify.py       what the service manager is told
"""

from c8ybin.server.notify import READY, STOPPING, Notifier
from c8ybin.server.serving import Server
from c8ybin.server.shares import Share
from c8ybin.server.sockets import UnfitSocket, listen, passed, url_of
from c8ybin.server.supervisor import Supervisor
from c8ybin.server.worker import Worker

__all__ = [
    "READY",
    "STOPPING",
    "Notifier",
    "Server",
    "Share",
    "Supervisor",
    "UnfitSocket",
    "Worker",
    "listen",
    "passed",
    "url_of",
]
