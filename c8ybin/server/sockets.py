"""The listening socket: bound here, or handed over by systemd."""

import ipaddress
import os
import socket

_BACKLOG = 1024
_FIRST_PASSED = 3  # SD_LISTEN_FDS_START
_UNFIT = "What LISTEN_FDS speaks of is not a listening TCP socket; see ListenStream= and Accept=no."


class UnfitSocket(Exception):
    """A socket that was handed over cannot be served on; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Args:
        host: Address or name.
        port: TCP port; 0 takes a free one.

    Raises:
        OSError: The address cannot be listened on.
        UnicodeError: The name is none.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def passed(listen_pid: str | None, listen_fds: str | None) -> socket.socket | None:
    """Take the listening socket that systemd, or who speaks like it, has passed to this process.

    Args:
        listen_pid: The value of LISTEN_PID, where it is set.
        listen_fds: The value of LISTEN_FDS.

    Returns:
        The socket, or None where none was passed.

    Raises:
        UnfitSocket: What was passed is not one listening TCP socket.

    Source: sd_listen_fds(3).
    """
    if listen_pid != str(os.getpid()) or listen_fds in (None, "0"):
        return None
    if listen_fds != "1":
        raise UnfitSocket(f"LISTEN_FDS is {listen_fds!r}; pass one socket, by one ListenStream=.")
    try:
        os.set_inheritable(_FIRST_PASSED, False)
        listener = socket.socket(fileno=_FIRST_PASSED)
    except OSError:
        raise UnfitSocket(_UNFIT) from None
    if not _is_listening_tcp(listener):
        listener.close()
        raise UnfitSocket(_UNFIT)
    return listener


def _is_listening_tcp(passed: socket.socket) -> bool:
    return passed.family in (socket.AF_INET, socket.AF_INET6) and bool(
        passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    )


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the address of a listening socket as a URL."""
    address, port = listener.getsockname()[:2]
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"


def is_local(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach a listening socket."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    address = ipaddress.ip_address(listener.getsockname()[0].partition("%")[0])
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
