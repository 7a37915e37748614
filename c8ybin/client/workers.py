"""A few things at once, so that the first failure or an interruption ends all of them."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from c8ybin.client.errors import Interrupted

Job = TypeVar("Job")


def at_once(
    jobs: Sequence[Job], most: int, work: Callable[[Job, threading.Event], object], stop: threading.Event
) -> None:
    """Do jobs by `most` threads, and return when all are done.

    Args:
        jobs: What is to be done.
        most: How many at once.
        work: Does one; it should end soon once the event is set.
        stop: Is set when one failed, or when this is interrupted.

    Raises:
        BaseException: What the first one raised that failed; the others have ended by then.
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            while not stop.is_set():
                work(waiting.get_nowait(), stop)
        except queue.Empty:
            ended.put(None)
        except BaseException as error:
            stop.set()
            ended.put(error)
        else:
            ended.put(None)

    # Daemons: whoever is interrupted does not wait for what a server may never answer.
    threads = [threading.Thread(target=run, daemon=True) for _ in range(min(most, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        failures = [error for _ in threads if (error := ended.get())]
    finally:
        stop.set()
    if failures:
        # Of those that ended because another one failed, none tells why.
        raise min(failures, key=lambda failure: isinstance(failure, Interrupted))
