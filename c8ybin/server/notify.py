"""Telling the service manager how it goes."""

import logging
import socket

log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"


class Notifier:
    """Sends states to the socket that the service manager named.

    Source: sd_notify(3).
    """

    def __init__(self, address: str | None) -> None:
        """Send to `address`, the value of NOTIFY_SOCKET: a path, or `@` and an abstract name.

        Where there is none, nothing is sent.
        """
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def tell(self, *assignments: str) -> None:
        """Send assignments, as `STATUS=2 of 2 workers serve`; a manager that does not listen changes nothing."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                # A manager that reads nothing must not hold the service up.
                sender.setblocking(False)
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            log.warning("the service manager was not told %s: %s", assignments[0], error)
