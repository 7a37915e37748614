"""`self`, `Location`, `next`: absolute, as the client that asks can follow them."""

import ipaddress
import json

import pytest

from c8ybin.api import Links

EVENT = {"source": {"id": "1001"}, "type": "test_Event", "time": "2026-11-24T12:00:00.000Z", "text": "hello"}


@pytest.fixture(scope="session")
def bases(ask):
    """Return the base of all links that a client is given, which must be one."""

    def find(client, headers=None, **environ):
        headers = {"Accept": "application/json", "Content-Type": "application/json"} | (headers or {})
        created = ask(client, "POST", "/event/events", json.dumps(EVENT).encode(), headers, **environ)
        event_id = created.json["id"]
        binaries = client.binaries(event_id)
        uploaded = ask(client, "POST", binaries, b"x", headers, **environ)
        other = client.binaries(client.create_event())
        chunk = ask(client, "POST", other, b"x", headers | {"Content-Range": "0-0/*"}, **environ)
        page = ask(client, "GET", "/event/events?pageSize=1&currentPage=2", b"", headers, **environ).json
        api = ask(client, "GET", "/event", b"", headers, **environ).json
        links = {
            created.headers["Location"]: f"/event/events/{event_id}",
            created.json["self"]: f"/event/events/{event_id}",
            created.json["source"]["self"]: "/inventory/managedObjects/1001",
            uploaded.headers["Location"]: binaries,
            uploaded.json["self"]: binaries,
            chunk.json["self"]: other,
            page["self"]: "/event/events?pageSize=1&currentPage=2",
            page["next"]: "/event/events?pageSize=1&currentPage=3",
            page["prev"]: "/event/events?pageSize=1&currentPage=1",
            page["events"][0]["self"]: f"/event/events/{page['events'][0]['id']}",
            api["self"]: "/event",
            api["events"]["self"]: "/event/events",
            api["eventsForType"]: "/event/events?type={type}",
        }
        assert all(link.endswith(path) for link, path in links.items())
        found = {link.removesuffix(path) for link, path in links.items()}
        assert len(found) == 1
        return found.pop()

    return find


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example"}


class TestHost:
    @pytest.mark.parametrize(
        "host",
        ["iot.example", "iot.example:8080", "10.0.0.7", "10.0.0.7:80", "[::1]:8080", "[fe80::1]", "a_b-c.d"],
    )
    def test_links_are_of_the_requests_host(self, client, bases, host):
        assert bases(client, {"Host": host}) == f"http://{host}"

    def test_scheme_is_that_of_the_server(self, client, bases):
        assert bases(client, {"Host": "iot.example"}, **{"wsgi.url_scheme": "https"}) == "https://iot.example"

    @pytest.mark.parametrize(
        "host",
        [
            "",
            "a b",
            "evil.example/path",
            "evil.example?x",
            "evil.example#x",
            "user@evil.example",
            "a:b",
            "a:123456",
            '"><script>',
            "a,b",
            "[::1",
            "a\\b",
            "é",
            "a:80:80",
            "a\nb",
        ],
    )
    def test_malformed_one_does_not_count(self, client, bases, host):
        environ = {"HTTP_HOST": host, "SERVER_NAME": "10.1.2.3", "SERVER_PORT": "8080"}
        assert bases(client, **environ) == "http://10.1.2.3:8080"


class TestPublicUrl:
    @pytest.mark.parametrize(
        "url", ["https://iot.example", "https://iot.example/", "https://iot.example/base/"]
    )
    def test_wins_over_everything(self, make_client, bases, url):
        client = make_client(Links(url, [ipaddress.ip_network("10.0.0.0/8")]))
        environ = {"REMOTE_ADDR": "10.0.0.1"}
        assert bases(client, {"Host": "other.example", **FORWARDED}, **environ) == url.rstrip("/")


class TestForwarded:
    @pytest.fixture
    def client(self, make_client):
        networks = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "192.0.2.7/32", "fd00::/8")]
        return make_client(Links(trusted_proxies=networks))

    @pytest.mark.parametrize(
        "peer", ["10.0.0.1", "10.255.255.255", "192.0.2.7", "fd00::1", "::ffff:10.0.0.1"]
    )
    def test_from_a_trusted_proxy_counts(self, client, bases, peer):
        """The last one is how a socket on `::` names a peer that came by IPv4."""
        assert bases(client, {"Host": "inner", **FORWARDED}, REMOTE_ADDR=peer) == "https://public.example"

    @pytest.mark.parametrize("peer", ["11.0.0.1", "192.0.2.8", "fe80::1", "", "nonsense", "127.0.0.1"])
    def test_from_anybody_else_does_not(self, client, bases, peer):
        assert bases(client, {"Host": "inner", **FORWARDED}, REMOTE_ADDR=peer) == "http://inner"

    def test_from_anybody_does_not_where_no_proxy_is_trusted(self, make_client, bases):
        assert bases(make_client(), {"Host": "inner", **FORWARDED}, REMOTE_ADDR="127.0.0.1") == "http://inner"

    @pytest.mark.parametrize(
        ("headers", "base"),
        [
            ({"X-Forwarded-Proto": "https"}, "https://inner"),
            ({"X-Forwarded-Proto": "HTTPS , http"}, "https://inner"),
            ({"X-Forwarded-Proto": "http"}, "http://inner"),
            ({"X-Forwarded-Proto": "javascript"}, "http://inner"),
            ({"X-Forwarded-Proto": ""}, "http://inner"),
            ({"X-Forwarded-Host": "public.example:8443"}, "http://public.example:8443"),
            ({"X-Forwarded-Host": "first.example, second.example"}, "http://first.example"),
            ({"X-Forwarded-Host": " "}, "http://inner"),
        ],
    )
    def test_each_counts_alone_and_the_first_of_several(self, client, bases, headers, base):
        assert bases(client, {"Host": "inner", **headers}, REMOTE_ADDR="10.0.0.1") == base

    @pytest.mark.parametrize("host", ["evil.example/x", "a b", "user@evil"])
    def test_malformed_host_does_not_count(self, client, bases, host):
        base = bases(client, {"Host": "inner", "X-Forwarded-Host": host}, REMOTE_ADDR="10.0.0.1")
        assert base in ("http://inner", "http://localhost:80")


@pytest.mark.parametrize(
    ("accept", "named"), [("application/json;q=0.0", False), ("application/json; q=0.1", True)]
)
def test_json_that_is_refused_by_its_weight_is_not_named(client, accept, named):
    answer = client.get("/event", headers={"Accept": accept})
    assert (answer.content_type == "application/json") is named
