"""Several processes over one listening socket, and the one that starts, watches and ends them.

The supervisor has one thread and no signal handler: its signals are blocked, and it waits for
them. It opens no store, so a fork shares nothing but the socket.
"""

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from c8ybin.counts import Board
from c8ybin.server.notify import READY, STOPPING, Notifier
from c8ybin.server.serving import STOP_WITHIN_S
from c8ybin.server.shares import Share, Shares
from c8ybin.server.worker import IS_READY, Place, Worker, pause_s

log = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_WAITED = (*_ENDING, signal.SIGCHLD, signal.SIGHUP)

# A worker also ends its sweep and leaves its folder.
KILL_AFTER_S = STOP_WITHIN_S + 10.0
# Who ran so long did not end of its start.
_SETTLED_S = 10.0
_FOREVER_S = 86_400.0
# How long a signal waits at most while the first workers start.
_START_POLL_MS = 100


class _StartFailed(Exception):
    """A worker ended before it served; the argument is the exit code for the whole."""


class _Interrupted(Exception):
    """A signal came before all workers served."""


class Supervisor:
    """Keeps workers running until it is told to end."""

    def __init__(
        self,
        work: Callable[[Worker], int],
        count: int,
        listener: socket.socket,
        notifier: Notifier,
        *,
        kill_after_s: float = KILL_AFTER_S,
        hung_up: Callable[[], bool] = lambda: False,
        board: Board | None = None,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            work: What a worker does, in a process of its own; returns its exit code. When it
                begins, signals are blocked as they were when `run` was called.
            count: How many workers.
            listener: What they serve on; closed here when the end begins.
            notifier: Who is told how it goes.
            kill_after_s: How long the workers may take to end.
            hung_up: Called on SIGHUP; tells whether the workers are to have that signal, too.
            board: Where the workers count; it is told of those that end.
        """
        self._work = work
        self._places = [Place() for _ in range(count)]
        self._shares = Shares(count)
        self._listener = listener
        self._notifier = notifier
        self._kill_after_s = kill_after_s
        self._hung_up = hung_up
        self._board = board or Board(count)

    def run(self, announce: Callable[[str], None]) -> int:
        """Start the workers, and others in place of those that end, until SIGTERM or SIGINT.

        Args:
            announce: Called with the news of the first worker once all of them serve.

        Returns:
            The exit code: 0, or that of a worker that could not start at first.
        """
        # Whoever started this process may have had it ignored; then no child could be waited for.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)
        # Nobody writes to it. The other end goes with this process.
        self._life, self._life_here = os.pipe()
        try:
            announce(self._start())
            self._notifier.tell(READY, self._status())
            self._keep()
        except _Interrupted:
            pass
        except _StartFailed as failed:
            return int(failed.args[0])
        finally:
            self._end()
            for end in (self._life, self._life_here):
                os.close(end)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return 0

    def _start(self) -> str:
        """Start all workers; return the news of the first."""
        # It goes ahead: what is wrong with the data directory is said once.
        first, *others = self._places
        news = self._heard(first, self._launch(first, is_first=True))
        for place, words in [(place, self._launch(place)) for place in others]:
            self._heard(place, words)
        return news

    def _launch(self, place: Place, *, is_first: bool = False) -> int:
        """Start a worker; return the pipe by which it tells that it serves."""
        heard, words = os.pipe()
        try:
            self._fork(place, is_first, words)
        except OSError as error:
            log.error("no worker can be started: %s", error.strerror)
            raise _StartFailed(1) from None
        finally:
            os.close(words)
        return heard

    def _heard(self, place: Place, heard: int) -> str:
        """Wait until a worker serves; return its news."""
        poll = select.poll()
        poll.register(heard, select.POLLIN)
        said = b""
        while True:
            if poll.poll(_START_POLL_MS):
                block = os.read(heard, 65536)
                if not block:
                    break
                said += block
            elif signal.sigpending() & set(_ENDING):
                raise _Interrupted
        os.close(heard)
        if not said.startswith(IS_READY):
            code = os.waitstatus_to_exitcode(os.waitpid(place.pid, 0)[1])
            place.pid = 0
            if code < 0:
                log.error("a worker did not start: signal %d ended it", -code)
            raise _StartFailed(max(code, 1))
        return said.removeprefix(IS_READY).decode()

    def _fork(self, place: Place, is_first: bool, words: int) -> None:
        pid = os.fork()
        if not pid:
            number = self._places.index(place)
            self._be_worker(Worker(is_first, self._life, words, Share(self._shares, number), number))
        place.pid, place.since = pid, time.monotonic()

    def _be_worker(self, worker: Worker) -> NoReturn:
        code = 1
        try:
            os.close(self._life_here)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            code = self._work(worker)
        except BaseException:
            log.exception("a worker broke off")
        finally:
            # Nothing of what the supervisor has begun is ended here, nor written from its buffers.
            os._exit(code)

    def _keep(self) -> None:
        """Put others in the places of workers that end, until a signal comes."""
        while True:
            due = [place.due for place in self._places if not place.pid]
            wait_s = max(0.0, min(due) - time.monotonic()) if due else _FOREVER_S
            came = signal.sigtimedwait(_WAITED, wait_s)
            if came and came.si_signo in _ENDING:
                return
            if came and came.si_signo == signal.SIGHUP and self._hung_up():
                for place in self._running():
                    os.kill(place.pid, signal.SIGHUP)
            self._note_ended()
            for place in self._places:
                if not place.pid and place.due <= time.monotonic():
                    self._replace(place)
            self._notifier.tell(self._status())

    def _note_ended(self) -> None:
        for place, pid, code in self._reap():
            quick = time.monotonic() - place.since < _SETTLED_S
            self._put_off(place, place.quick_ends + 1 if quick else 0)
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            log.warning("worker %d ended %s; another takes its place", pid, how)

    def _put_off(self, place: Place, quick_ends: int) -> None:
        place.quick_ends = quick_ends
        place.due = time.monotonic() + pause_s(quick_ends)

    def _replace(self, place: Place) -> None:
        words = os.open(os.devnull, os.O_WRONLY)
        try:
            self._fork(place, False, words)
        except OSError as error:
            log.warning("no worker can be started now: %s", error.strerror)
            self._put_off(place, place.quick_ends + 1)
        finally:
            os.close(words)

    def _running(self) -> list[Place]:
        return [place for place in self._places if place.pid]

    def _status(self) -> str:
        return f"STATUS={len(self._running())} of {len(self._places)} workers run"

    def _reap(self) -> list[tuple[Place, int, int]]:
        """Empty the places of workers that have ended; return those with process and exit code."""
        ended = []
        for place in self._running():
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                place.pid = 0
                number = self._places.index(place)
                self._shares.clear(number)
                self._board.ended(number)
                ended.append((place, pid, os.waitstatus_to_exitcode(status)))
        return ended

    def _end(self) -> None:
        """Have all workers stop gently; end those that take too long."""
        self._notifier.tell(STOPPING)
        self._listener.close()
        for place in self._running():
            os.kill(place.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._kill_after_s
        while self._running() and (left_s := deadline - time.monotonic()) > 0:
            # More of those that end are no news: the end has begun.
            signal.sigtimedwait(_WAITED, left_s)
            self._reap()
        for place in self._running():
            log.error(
                "worker %d does not end and is killed; what it leaves is swept by the next start", place.pid
            )
            os.kill(place.pid, signal.SIGKILL)
            os.waitpid(place.pid, 0)
            place.pid = 0
