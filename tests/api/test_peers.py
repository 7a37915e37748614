"""Whose address counts for who fails to log in."""

import ipaddress

import pytest

from c8ybin.api.peers import client_address

PROXIES = [ipaddress.ip_network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9,198.51.100.7,10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "198.51.100.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7, , 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("fd00::1", "[2001:db8::1]", "2001:db8::1"),
        ("fd00::1", '198.51.100.7, "><', "fd00::1"),
        ("", "198.51.100.7", ""),
    ],
)
def test_is_the_rightmost_that_no_trusted_proxy_has(peer, told, address):
    assert client_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": told}, PROXIES) == address


def test_is_the_peers_where_no_proxy_is_trusted():
    assert (
        client_address({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, []) == "127.0.0.1"
    )
