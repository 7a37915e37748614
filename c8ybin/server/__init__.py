"""The server: waitress, for now as it comes.

The way of a request: waitress reads it whole into a buffer of its own, hands it to the
application on a thread, and the application feeds the body to `bodies`. Streaming from
the socket straight into `bodies` is to take the place of that buffer.

serving.py      one process's server: its threads, its gentle stop
sockets.py      the listening socket, made here or passed by systemd
supervisor.py   N such processes over one listening socket
worker.py       what each is told, and what is kept of it
notify.py       what the service manager is told
"""

from c8ybin.server.notify import READY, STOPPING, Notifier
from c8ybin.server.serving import Server
from c8ybin.server.sockets import UnfitSocket, listen, passed, url_of
from c8ybin.server.supervisor import Supervisor
from c8ybin.server.worker import Worker

__all__ = [
    "READY",
    "STOPPING",
    "Notifier",
    "Server",
    "Supervisor",
    "UnfitSocket",
    "Worker",
    "listen",
    "passed",
    "url_of",
]
