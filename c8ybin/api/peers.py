"""Who is at the other end: the peer of the connection, or for whom a trusted proxy asks."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+(?:\.\d+){3}):\d+", re.ASCII)


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Tell whether an address is that of a trusted proxy."""
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    # An IPv4 peer of a server that listens on `::`.
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in proxies)


def client_address(env: Mapping[str, Any], proxies: Sequence[Network]) -> str:
    """Return the address that a request comes from.

    Each proxy adds at the right whom it heard (X-Forwarded-For), so what stands left of the
    first that is not trusted is only what that one says. What is no address ends it, too.
    """
    address: str = env.get("REMOTE_ADDR", "")
    if not proxies:
        return address
    told = [item.strip() for item in env.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    while told and is_trusted(address, proxies):
        text = told.pop()
        match = _WITH_PORT.fullmatch(text)
        before = match[1] or match[2] if match else text
        try:
            address = str(ipaddress.ip_address(before))
        except ValueError:
            break
    return address
