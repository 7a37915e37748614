"""/metrics and /health: what whoever watches a server is told."""

import base64
import errno
import json
import re
import sys
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from c8ybin.api.health import KINDS, WARNINGS


def samples(text, parse=text_format):
    found = {}
    for family in parse(text):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


@pytest.fixture
def metrics(client):
    return lambda: samples(client.get("/metrics").text)


def value(found, name, **labels):
    return found[f"c8ybin_{name}", *sorted(labels.items())]


class TestMetrics:
    def test_it_takes_the_role_of_an_administrator(self, client, ask, as_user, refused):
        refused(ask(client, "GET", "/metrics", headers={"Authorization": ""}), 401)
        headers = as_user(client, "reader", "ROLE_EVENT_READ", "ROLE_EVENT_ADMIN")
        refused(ask(client, "GET", "/metrics", headers=headers), 403)
        assert ask(client, "HEAD", "/metrics").status_int == 200

    def test_it_is_text_or_open_metrics_as_accept_says(self, client, ask):
        plain = ask(client, "GET", "/metrics")
        assert plain.headers["Content-Type"].startswith("text/plain; version=")
        assert plain.headers["Cache-Control"] == "no-store"
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        told = ask(client, "GET", "/metrics", headers={"Accept": accept})
        assert told.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert told.text.endswith("# EOF\n")
        assert samples(told.text, open_metrics).keys() == samples(plain.text).keys()

    def test_the_main_loop_leaves_it_to_a_worker_before_it_loads_anything(self, client, ask, monkeypatch):
        client.get("/tenant/currentTenant")  # so that the accounts are read
        monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
        main_loop = {"c8ybin.may_take_long": False, "c8ybin.may_wait": False}
        with pytest.raises(BlockingIOError):
            ask(client, "GET", "/metrics", **main_loop)

    def test_it_tells_of_the_store_and_the_disk(self, client, metrics):
        event = client.create_event()
        client.post(client.binaries(event), b"12345")
        client.put(client.binaries(event), b"123", headers={"Content-Range": "0-2/10"})
        found = metrics()
        assert [value(found, n) for n in ("events", "attachments", "stored_bytes", "uploads_incomplete")] == [
            1,
            1,
            8,
            1,
        ]
        assert 0 < value(found, "disk_free_bytes") <= value(found, "disk_total_bytes")
        assert value(found, "index_usable") == 1
        assert value(found, "index_age_seconds") >= 0
        assert value(found, "up") == 1
        assert sum(value(found, "trouble", kind=kind) for kind in KINDS) == 0

    def test_a_store_in_trouble_is_told_with_the_kind(self, client, metrics, monkeypatch):
        monkeypatch.setattr(client.store, "trouble", lambda: OSError(errno.EROFS, "x"))
        found = metrics()
        assert value(found, "up") == 0
        assert value(found, "trouble", kind="disk-read-only") == 1

    def test_no_index_that_is_made_anew_is_waited_for(self, client, metrics):
        waits = []

        def mend(wait_s):
            waits.append(wait_s)

        client.store._disk.index.mend_elsewhere = mend
        found = metrics()
        assert value(found, "index_usable") == 0
        assert ("c8ybin_events",) not in found
        assert set(waits) == {0.0}

    def test_an_index_that_cannot_be_written_walks_no_tree(self, client, metrics, monkeypatch):
        monkeypatch.setattr(client.store.listing, "_walk", None)
        client.store._disk.writer.tell_unindexed(True)
        assert value(metrics(), "index_usable") == 0

    def test_refused_logins_are_counted_by_reason(self, client, ask, metrics):
        wrong = base64.b64encode(b"nobody:wrong").decode()
        for _ in range(10):
            assert ask(client, "GET", "/event", headers={"Authorization": f"Basic {wrong}"}).status_int == 401
        assert ask(client, "GET", "/event", headers={"Authorization": f"Basic {wrong}"}).status_int == 429
        token = f"Bearer c8y_{'a' * 8}_{'b' * 43}"
        assert ask(client, "GET", "/event", headers={"Authorization": token}).status_int == 401
        assert ask(client, "GET", "/event", headers={"Authorization": ""}).status_int == 401
        found = metrics()
        refused = {
            why: value(found, "logins_refused_total", reason=why)
            for why in ("password", "token", "paused", "crowded")
        }
        assert refused == {"password": 10, "token": 1, "paused": 1, "crowded": 0}


class TestHealth:
    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EROFS, "disk-read-only"),
            (errno.EIO, "disk-failing"), (errno.EMFILE, "open-files"), (errno.ENOMEM, "memory"),
            (errno.ESTALE, "busy"), (errno.ENOTCONN, "unreachable"), (errno.EACCES, "other"),
        ],
    )  # fmt: skip
    def test_each_kind_of_trouble_has_a_word_for_machines(self, client, ask, monkeypatch, number, kind):
        assert kind in KINDS
        monkeypatch.setattr(client.store, "trouble", lambda: OSError(number, "x"))
        answer = ask(client, "GET", "/health")
        assert answer.status_int == 503
        assert (answer.json["status"], answer.json["kind"]) == ("DOWN", kind)

    @pytest.fixture
    def warnings(self, client):
        """What is warned of, by one whose process serves and has an index."""
        client.watch.counts.begin()
        client.get("/event/events")

        def read():
            document = json.loads(client.get("/health").body)
            assert document["status"] == "UP"
            found = document.get("warnings", [])
            assert all(warning["message"] == WARNINGS[warning["kind"]] for warning in found)
            return [warning["kind"] for warning in found]

        assert read() == []
        return read

    def test_an_index_that_is_made_anew_is_a_warning(self, client, warnings):
        client.store._disk.index.give_up()
        assert warnings() == ["index-being-made"]

    def test_an_index_that_cannot_be_written_is_a_warning(self, client, warnings):
        client.store._disk.writer.tell_unindexed(True)
        assert warnings() == ["index-unwritable"]

    def test_connections_that_were_refused_just_now_are_a_warning(self, client, warnings, monkeypatch):
        client.watch.counts.shed()
        assert warnings() == ["overloaded"]
        monkeypatch.setattr("c8ybin.api.health._SHED_LATELY_S", 0.0)
        assert warnings() == []

    def test_many_requests_that_wait_are_a_warning(self, client, warnings):
        client.watch.counts.has(20, 17)
        assert warnings() == ["overloaded"]

    def test_missing_workers_are_a_warning(self, client, warnings):
        client.watch.board.ended(0)
        assert warnings() == ["workers-missing"]


def test_metrics_may_be_open_to_everybody(make_client):
    opened = make_client(is_open=True)
    opened.authorization = None
    assert opened.get("/metrics").status_int == 200
    operation = opened.get("/openapi.json").json["paths"]["/metrics"]["get"]
    assert operation["security"] == []


class TestDashboard:
    @pytest.fixture
    def panels(self):
        path = Path(__file__).parents[2] / "packaging" / "grafana-dashboard.json"
        return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]

    def test_every_metric_it_names_is_told(self, client, metrics, panels):
        client.watch.counts.answered("/event", "GET", "200", 1, 1, 0.1)
        told = {name for name, *_ in metrics()}
        for panel in panels:
            assert panel["targets"], panel["title"]
            for target in panel["targets"]:
                named = set(re.findall(r"\bc8ybin_\w+", target["expr"]))
                assert named, target
                assert named <= told, panel["title"]

    def test_no_two_panels_lie_on_each_other(self, panels):
        assert len({panel["id"] for panel in panels}) == len(panels)
        covered = set()
        for place in (panel["gridPos"] for panel in panels):
            cells = {
                (place["x"] + column, place["y"] + line)
                for column in range(place["w"])
                for line in range(place["h"])
            }
            assert not cells & covered
            assert place["x"] + place["w"] <= 24
            covered |= cells

    def test_every_number_that_is_told_has_a_panel(self, client, metrics, panels):
        client.watch.counts.answered("/event", "GET", "200", 1, 1, 0.1)
        shown = " ".join(target["expr"] for panel in panels for target in panel["targets"])
        families = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name, *_ in metrics()}
        assert {family for family in families if family not in shown} == {"c8ybin_build_info"}
