"""The server: waitress, for now as it comes.

The way of a request: waitress reads it whole into a buffer of its own, hands it to the
application on a thread, and the application feeds the body to `bodies`. Streaming from
the socket straight into `bodies` is to take the place of that buffer.
"""

from c8ybin.server.serving import Server

__all__ = ["Server"]
