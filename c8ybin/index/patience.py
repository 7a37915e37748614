"""Waiting for what cannot be broken off, no longer than a request may take.

A distributed file system may keep a file from all readers for minutes: MooseFS does so for two with
what a host was writing when it lost power. So a thread reads it, and is left to it.
"""

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

from c8ybin.domain.errors import ListUnavailable

T = TypeVar("T")


def begun(work: Callable[[], T]) -> "Future[T]":
    """Have a thread of its own do something; it does not keep the process from ending."""
    future: Future[T] = Future()
    Thread(target=_do, args=(future, work), name="patience", daemon=True).start()
    return future


def awaited(future: "Future[T]", within_s: float) -> T:
    """Return what came of it; the errors are its own.

    Raises:
        ListUnavailable: It takes longer.
    """
    wait([future], within_s)
    if not future.done():
        raise ListUnavailable
    return future.result()


def _do(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
