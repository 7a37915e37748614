"""The signals that end a server, which reach its main thread alone."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from c8ybin.server import Server

ENDING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back the signals that end a server, to be taken by `run_until_signal` alone.

    Threads that start meanwhile never take one. They stay held back where the block
    ends well: what comes after the end must not interrupt it, nor change the exit code.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise


def run_until_signal(server: Server, stopping: Callable[[], None]) -> bool:
    """Run a server until SIGTERM or SIGINT, then call `stopping`; return whether it finished what it had begun."""

    def end(*_: object) -> None:
        server.stop()
        stopping()

    for number in ENDING:
        signal.signal(number, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    finished = server.run()
    # The handlers stay: were they exchanged for SIG_IGN, Python would tell of a signal that is on its way.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    return finished
