"""/metrics: what is counted in all processes, and how the store stands, as Prometheus reads it.

Source: the Prometheus text format 0.0.4; OpenMetrics 1.0 where Accept names it.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import falcon

from c8ybin import __version__
from c8ybin.accounts import ADMIN
from c8ybin.api.access import Roles
from c8ybin.api.health import KINDS, kind_of
from c8ybin.api.policies import set_no_store
from c8ybin.counts import Board, Counts, Distribution
from c8ybin.store import Store

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PREFIX = "c8ybin_"


class Metrics:
    """/metrics: for whoever watches the server."""

    access: ClassVar[Roles] = {"GET": ADMIN}

    def __init__(self, store: Store, board: Board, counts: Counts, *, is_open: bool) -> None:
        """Tell of a store and what is counted on a board; `counts` knows the routes.

        Where `is_open`, no account is needed.
        """
        self._store = store
        self._exposition = Exposition(store, board, counts)
        if is_open:
            self.access = {"GET": None}  # type: ignore[misc]

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer all numbers."""
        # First, for the main loop may neither wait for this nor load what follows.
        self._store.trouble()
        # Here, for a server that nobody watches need not load it.
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import CollectorRegistry

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._exposition)
        encode, resp.content_type = choose_encoder(req.get_header("Accept") or "")
        resp.data = encode(registry)
        set_no_store(resp)

    on_head = on_get


class Exposition:
    """The numbers as a collector of prometheus-client."""

    def __init__(self, store: Store, board: Board, counts: Counts) -> None:
        self._store = store
        self._board = board
        self._counts = counts

    def describe(self) -> Iterator["Metric"]:
        """Yield nothing: there is one collector, so no two have one name."""
        return iter(())

    def collect(self) -> Iterator["Metric"]:
        """Yield the numbers of now."""
        self._counts.publish()
        yield from self._of_requests()
        yield from self._of_processes()
        yield from self._of_commits()
        yield from self._of_store()

    def _of_requests(self) -> Iterator["Metric"]:
        from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

        labels = ["method", "route"]
        answered = CounterMetricFamily(
            f"{PREFIX}requests",
            "Requests whose answers are out, by the template of their address.",
            labels=[*labels, "status"],
        )
        received = CounterMetricFamily(f"{PREFIX}received_bytes", "Bytes of requests' bodies.", labels=labels)
        sent = CounterMetricFamily(f"{PREFIX}sent_bytes", "Bytes of answers, header and all.", labels=labels)
        durations = HistogramMetricFamily(
            f"{PREFIX}request_duration_seconds",
            "From the end of a request's header to the last byte of its answer.",
            labels=labels,
        )
        for requests in self._board.requests(self._counts.routes):
            names = [requests.method, requests.route]
            for status, count in requests.statuses.items():
                answered.add_metric([*names, status], count)
            received.add_metric(names, requests.received)
            sent.add_metric(names, requests.sent)
            durations.add_metric(names, _buckets(requests.durations_s), requests.durations_s.sum)
        yield from (answered, received, sent, durations)

    def _of_processes(self) -> Iterator["Metric"]:
        from prometheus_client.metrics_core import CounterMetricFamily, InfoMetricFamily

        totals = self._board.totals()
        yield InfoMetricFamily(f"{PREFIX}build", "The version.", {"version": __version__})
        yield _gauge("start_time_seconds", "When the server was started, since 1970.", self._board.since)
        yield _gauge("workers", "Processes that serve.", totals.workers)
        yield _gauge("workers_wanted", "Processes that are to serve.", self._board.places)
        yield _counter("worker_restarts", "Processes that took the place of one that ended.", totals.restarts)
        yield _gauge("connections", "Connections that stand.", totals.connections)
        yield _counter("connections_shed", "Connections that had no place, or gave it up.", totals.shed)
        yield _gauge("requests_waiting", "Requests that wait for a thread.", totals.waiting)
        yield _gauge("uploads_receiving", "Bodies of which more is being waited for.", totals.receiving)
        refused = CounterMetricFamily(
            f"{PREFIX}logins_refused", "Logins that were refused, and why.", labels=["reason"]
        )
        for reason, count in totals.refused.items():
            refused.add_metric([reason], count)
        yield refused

    def _of_commits(self) -> Iterator["Metric"]:
        totals = self._board.totals()
        yield _histogram("fsync_seconds", "How long was waited until something was durable.", totals.syncs_s)
        yield _counter("fsync_files", "Files and directories made durable.", totals.synced_files)
        yield _counter("commits", "Commits that ended.", totals.commits)
        yield _histogram("commit_batch", "Commits for which was waited together.", totals.batches)

    def _of_store(self) -> Iterator["Metric"]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        error = self._store.trouble()
        present = None if error is None else kind_of(error)
        yield _gauge("up", "Whether the store takes what is written.", error is None)
        troubles = GaugeMetricFamily(
            f"{PREFIX}trouble", "Why it does not, as /health tells.", labels=["kind"]
        )
        for kind in KINDS:
            troubles.add_metric([kind], kind == present)
        yield troubles
        try:
            room = self._store.room()
        except OSError:
            pass
        else:
            yield _gauge("disk_free_bytes", "What is free for this server, the reserve included.", room.free)
            yield _gauge("disk_total_bytes", "The size of the file system.", room.total)
            yield _gauge("disk_reserve_bytes", "What is kept for deletions.", room.reserve)
        found = self._store.listing.overview_at_once()
        yield _gauge("index_usable", "Whether lists come from the index.", found is not None)
        if found:
            overview, state = found
            yield _gauge("events", "Events in the store.", overview.events)
            yield _gauge("attachments", "Events with an attachment.", overview.attachments)
            yield _gauge("stored_bytes", "Bytes of attachments and incomplete uploads.", overview.held)
            yield _gauge("uploads_incomplete", "Events with an incomplete upload.", overview.incomplete)
            yield _gauge("index_columns", "Columns of the index.", state.columns)
            yield _gauge("index_logs", "Logs of the index.", state.logs)
            yield _gauge("index_lines", "Lines of the logs that are in no column yet.", state.lines)
            age_s = max(0.0, time.time() - state.written_s)
            yield _gauge("index_age_seconds", "Since columns were written.", age_s)


def _gauge(name: str, meaning: str, value: float) -> "Metric":
    from prometheus_client.metrics_core import GaugeMetricFamily

    return GaugeMetricFamily(PREFIX + name, meaning, value)


def _counter(name: str, meaning: str, value: float) -> "Metric":
    from prometheus_client.metrics_core import CounterMetricFamily

    return CounterMetricFamily(PREFIX + name, meaning, value)


def _histogram(name: str, meaning: str, values: Distribution) -> "Metric":
    from prometheus_client.metrics_core import HistogramMetricFamily

    return HistogramMetricFamily(PREFIX + name, meaning, _buckets(values), values.sum)


def _buckets(values: Distribution) -> list[tuple[str, float]]:
    bounds = [*(str(float(bound)) for bound in values.bounds), "+Inf"]
    return list(zip(bounds, values.counts, strict=True))
