"""Does a work once on a site, with one client that keeps its connection; says what was measured."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench import measure
from bench.lists.site import MADE_PATH, Site, made_event
from bench.lists.works import ATTACH, CREATE, DELETE, GET, List, Work
from bench.load import Failed, Load, Outcome, request
from bench.peers import path_of
from bench.workloads import Sample

_KNOWN = 200  # events that are asked for by ID
_DELETIONS, _EVENTS_A_DELETION = 5, 5
_ATTACHMENT_BYTES = 1024
_JSON, _BINARY = "Content-Type: application/json", "Content-Type: application/octet-stream"


def faults(work: List, site: Site, path: str, answer: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the answer to one of a work's requests."""
    events = answer["events"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    if len(events) != work.expected:
        yield f"{len(events)} events, not {work.expected}"
    times = [event["time"] for event in events]
    if times != sorted(times, reverse="revert" not in asked):
        yield "not in order"
    for event in events:
        if asked.get("source", event["source"]["id"]) != event["source"]["id"]:
            yield "an event of another source"
        if asked.get("type", event["type"]) != event["type"]:
            yield "an event of another type"
        if "fragmentType" in asked and asked["fragmentType"] not in event:
            yield "an event without the fragment"
    if work.totals:
        pages = answer["statistics"]["totalPages"]
        exactly = -(-(site.events + site.made) // work.page_size)
        if pages != exactly if "type" not in asked else not 0 < pages < exactly:
            yield f"{pages} pages"


def checked(work: List, site: Site) -> list[str]:
    """Ask once for each list of a work, which warms it up too; return the requests.

    Raises:
        Failed: An answer is not as it must be.
    """
    paths = work.paths(site.fleet)
    for path in paths:
        for fault in faults(work, site, path, site.ask(path)):
            raise Failed(f"{path}: {fault}")
    return paths


@dataclass(frozen=True)
class Sampler:
    """The load generator, for how many seconds a list or a GET is asked, and how many events are made at a time."""

    program: Path
    folder: Path
    seconds: float
    count: int

    def sample(self, work: Work, site: Site, number: int) -> Sample:
        """Do a work once.

        Raises:
            Failed: The server or the generator did not do its work.
        """
        if isinstance(work, List):
            requests = [request("GET", path, 0, 200) for path in checked(work, site)]
            found = self._timed(site, requests, seconds=self.seconds, cycles=True)
        elif work == GET:
            paths = site.some_paths(_KNOWN, random.Random(number))
            requests = [request("GET", path, 0, 200) for path in paths]
            self._run(site, requests)
            found = self._timed(site, requests, seconds=self.seconds, cycles=True)
        elif work == CREATE:
            found = self._timed(site, self._creations(), body=json.dumps(made_event("bench")))
            site.made += self.count
        elif work == ATTACH:
            found = self._attach(site)
        else:
            assert work == DELETE
            found = self._delete(site, number)
        return {"work": work.name, "events": site.events, "round": number} | found

    def _attach(self, site: Site) -> Sample:
        body = json.dumps(made_event("bench"))
        outcome = self._run(site, self._creations(), body=body, wants_locations=True)
        site.made += self.count
        paths = [f"{path_of(location)}/binaries" for location in outcome.locations]
        return self._timed(site, [request("POST", path, _ATTACHMENT_BYTES, 201, _BINARY) for path in paths])

    def _delete(self, site: Site, number: int) -> Sample:
        paths = [f"{MADE_PATH}&source=bench-{number}-{n}" for n in range(_DELETIONS)]
        for n in range(_DELETIONS):
            for _ in range(_EVENTS_A_DELETION):
                site.ask("/event/events", "POST", made_event(f"bench-{number}-{n}"))
        found = self._timed(site, [request("DELETE", path, 0, 204) for path in paths])
        for path in paths:
            if site.ask(path)["events"]:
                raise Failed(f"{path}: there are events after their deletion")
        return found

    def _timed(self, site: Site, requests: Sequence[str], **options: Any) -> Sample:
        pid = site.server.process.pid
        before = measure.cpu_s(pid)
        figures = self._run(site, requests, **options).figures
        used = measure.cpu_s(pid) - before
        names = ("requests", "p50_ms", "p99_ms")
        return {name: figures[name] for name in names} | {"server_cpu_s": used}

    def _run(self, site: Site, requests: Sequence[str], **options: Any) -> Outcome:
        headers = (f"Authorization: {site.authorization}", "Accept: application/json")
        load = Load(self.program, self.folder)
        outcome = load.run(site.server.port, requests, connections=1, headers=headers, **options)
        if outcome.figures["errors"]:
            raise Failed(outcome.figures["first_error"])
        return outcome

    def _creations(self) -> list[str]:
        return [request("POST", "/event/events", 0, 201, _JSON)] * self.count
