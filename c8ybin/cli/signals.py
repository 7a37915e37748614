"""The signals that end a server or let it load its certificate again, which reach its main thread alone."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from c8ybin.server import Server

ENDING = (signal.SIGTERM, signal.SIGINT)
HELD = (*ENDING, signal.SIGHUP)
# Asked once this is imported: by the time that signals are taken, the terminal may be gone.
_HAD_TERMINAL = os.isatty(0)


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold back the signals for a server, to be taken by `run_until_signal` alone.

    Threads that start meanwhile never take one. They stay held back where the block
    ends well: what comes after the end must not interrupt it, nor change the exit code.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise


def on_hang_up(reload: Callable[[], bool]) -> Callable[[], bool]:
    """Return what is to be done on SIGHUP: `reload`; or SIGTERM, where it tells that the terminal is gone."""

    def hung_up() -> bool:
        if _HAD_TERMINAL and not os.isatty(0):
            signal.raise_signal(signal.SIGTERM)
            return False
        return reload()

    return hung_up


def run_until_signal(server: Server, stopping: Callable[[], None]) -> bool:
    """Run a server until SIGTERM or SIGINT, then call `stopping`; return whether it finished what it had begun.

    On SIGHUP it loads its certificate again.
    """

    def end(*_: object) -> None:
        server.stop()
        stopping()

    hung_up = on_hang_up(server.reload)
    for number in ENDING:
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: hung_up())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
    finished = server.run()
    # The handlers stay: were they exchanged for SIG_IGN, Python would tell of a signal that is on its way.
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    return finished
