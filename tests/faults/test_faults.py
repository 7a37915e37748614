"""Faults: how they are asked for, and the plan of them that processes share."""

import os
from collections.abc import Iterator

import pytest

from c8ybin.domain.errors import Invalid
from c8ybin.faults import Cut, Fault, Plan, Planned, fault_of_header, planned_of_document
from c8ybin.faults.plan import MOST, PATH_CHARACTERS


@pytest.fixture
def plan() -> Iterator[Plan]:
    made = Plan()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status=503", Fault(status=503)),
        ("status=429, retry=0", Fault(status=429, retry=0)),
        (" delay=60000 ,rate=1", Fault(delay=60_000, rate=1)),
        ('cut="answer", bytes=10', Fault(cut=Cut.ANSWER, bytes=10)),
        ("cut=before", Fault(cut=Cut.BEFORE)),
        ("status=200, cut=answer", Fault(status=200, cut=Cut.ANSWER)),
    ],
)
def test_a_header_says_what_goes_wrong(text: str, fault: Fault) -> None:
    assert fault_of_header(text) == fault
    assert fault_of_header(str(fault)) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status",
        "status=",
        "status=99",
        "status=600",
        "status=abc",
        "delay=60001",
        "delay=-1",
        "delay=1.5",
        "rate=0",
        "bytes=5",
        "retry=5",
        "cut=here",
        "cut=5",
        "other=1",
        "status=503;x=1",
        "status=503, cut=commit",
        "status=5\u0665\u0663",
        "rate=" + "9" * 17,
    ],
)
def test_what_a_header_cannot_mean_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        fault_of_header(text)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"method": "GET"},
        {"status": 503, "method": "get"},
        {"status": 503, "path": "event"},
        {"status": 503, "path": "/" + "a" * PATH_CHARACTERS},
        {"status": 503, "path": "/\u00e4"},
        {"status": 503, "path": "/\u0001"},
        {"status": 503, "count": 0},
        {"status": 503, "count": True},
        {"status": 503, "count": 1.5},
        {"status": True},
        {"status": "503"},
        {"delay": []},
        {"cut": {}},
        {"cut": ["answer"]},
    ],
)
def test_what_cannot_be_planned_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        planned_of_document(document)


def test_a_plan_is_for_requests_of_a_method_and_the_beginning_of_a_path(plan: Plan) -> None:
    plan.add(planned_of_document({"status": 503, "method": "PUT", "path": "/event/events/1"}))
    for method, path in (("GET", "/event/events/1"), ("PUT", "/event/events")):
        assert not plan.concerns(method, path)
        assert plan.take(method, path) is None
    assert plan.concerns("PUT", "/event/events/12")
    assert plan.take("PUT", "/event/events/12") == Fault(status=503)
    assert plan.take("PUT", "/event/events/12") is None
    assert plan.all() == []


def test_the_first_that_concerns_a_request_counts_and_is_counted(plan: Plan) -> None:
    first, second = Planned(Fault(status=503), count=2), Planned(Fault(cut=Cut.COMMIT), "POST", "/", 1)
    plan.add(first)
    plan.add(second)
    assert plan.all() == [first, second]
    assert [plan.take("POST", "/event") for _ in range(4)] == [first.fault, first.fault, second.fault, None]


def test_what_is_forgotten_concerns_nobody(plan: Plan) -> None:
    plan.add(Planned(Fault(delay=1)))
    plan.clear()
    assert not plan.concerns("GET", "/")
    assert plan.take("GET", "/") is None


def test_there_is_room_for_the_most_and_longest_and_no_more(plan: Plan) -> None:
    longest = planned_of_document(
        {
            "status": 599,
            "retry": 86_400,
            "delay": 60_000,
            "rate": 10**9,
            "cut": "answer",
            "bytes": 2**53 - 1,
            "method": "DELETE",
            "path": "/" + '"' * (PATH_CHARACTERS - 1),
            "count": 1_000_000,
        }
    )
    for _ in range(MOST):
        plan.add(longest)
    assert plan.all() == [longest] * MOST
    with pytest.raises(Invalid, match="planned already"):
        plan.add(longest)


def test_processes_share_a_plan_and_count_each_fault_once(plan: Plan) -> None:
    plan.add(Planned(Fault(status=503), count=300))
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(sum(plan.take("GET", "/") is not None for _ in range(150)))
        children.append(child)
    taken = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sum(taken) == 300
    assert plan.all() == []
