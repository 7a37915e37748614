"""The judge of the races: what it has to accept, and what it must not."""

import pytest
from linearizability import Effect, Request, unexplained
from one_event import DELETE_EVENT, DUPLICATE, EVENT_GONE, GET, Action, Answer, OneEvent, State


def asked(action: Action, answer: Answer, began: int, ended: int) -> Request:
    effect = Effect.READ if action == GET else Effect.DOUBTFUL if answer == EVENT_GONE else Effect.CHANGE
    return Request(0, action, answer, began, ended, effect)


def put(tag: str, began: int, ended: int, answer: Answer | None = None) -> Request:
    return asked(Action("PUT", tag=tag), answer or (201, tag), began, ended)


def got(tag: str, began: int, ended: int) -> Request:
    return asked(GET, (200, (tag,)), began, ended)


def post(tag: str, began: int, ended: int, answer: Answer | None = None) -> Request:
    return asked(Action("POST", tag=tag), answer or (201, tag), began, ended)


RIGHT = {
    "one after the other": [put("a", 0, 1), got("a", 2, 3), put("b", 4, 5), got("b", 6, 7)],
    "either of two that overlap is the last": [put("a", 0, 9), put("b", 1, 8), got("a", 10, 11)],
    "an overlapping read sees the old": [put("a", 0, 1), put("b", 2, 9), got("a", 7, 8), got("b", 10, 11)],
    "an overlapping read sees the new": [put("a", 0, 1), put("b", 2, 9), got("b", 3, 4)],
    "what was not acknowledged was seen": [
        put("a", 0, 9, EVENT_GONE),
        got("a", 1, 2),
        asked(DELETE_EVENT, (204, None), 3, 8),
    ],
    "one POST wins": [post("a", 0, 9), post("b", 1, 8, DUPLICATE), got("a", 10, 11)],
}
WRONG = {
    "an acknowledged change is lost": [put("a", 0, 1), put("b", 2, 3), got("a", 4, 5)],
    "a read goes back": [put("a", 0, 1), put("b", 2, 9), got("b", 3, 4), got("a", 5, 6)],
    "two reads disagree on the order": [
        put("a", 0, 9),
        put("b", 0, 9),
        got("a", 10, 11),
        got("b", 12, 13),
    ],
    "a read sees what comes later": [got("a", 0, 1), put("a", 2, 3)],
    "a deleted event comes back": [put("a", 0, 1), asked(DELETE_EVENT, (204, None), 2, 3), got("a", 4, 5)],
    "an event is gone that nobody deleted": [put("a", 0, 1, EVENT_GONE)],
    "two POSTs win": [post("a", 0, 9), post("b", 1, 8)],
    "no POST wins": [post("a", 0, 9, DUPLICATE), post("b", 1, 8, DUPLICATE)],
}


@pytest.mark.parametrize("history", RIGHT.values(), ids=RIGHT)
def test_what_some_order_explains_is_accepted(history: list[Request]) -> None:
    assert unexplained(history, State(), OneEvent(history)) == []


@pytest.mark.parametrize("history", WRONG.values(), ids=WRONG)
def test_what_no_order_explains_is_not(history: list[Request]) -> None:
    assert unexplained(history, State(), OneEvent(history))
