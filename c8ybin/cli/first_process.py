"""What the first process of a PID namespace owes the others, as in a container that has no init."""

import os
import signal
import sys

_LISTEN_PID = "LISTEN_PID"
# What the kernel raises for what a process does itself is not passed on.
_OWN = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGABRT,
    signal.SIGSYS,
}


def serve_as_child_of_init() -> None:
    """Return at once, but in the first process: there, return in a child, and be its init until that ends.

    The first process is the parent of all whose own has ended, and nobody else may wait for them: without that
    they stay as zombies until no process can be started. Called before any thread is started.

    Source: pid_namespaces(7).
    """
    if os.getpid() != 1:
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    taken = signal.valid_signals() - _OWN
    before = signal.pthread_sigmask(signal.SIG_BLOCK, taken)
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # Whoever passes sockets knows the first process alone.
        if os.environ.get(_LISTEN_PID) == "1":
            os.environ[_LISTEN_PID] = str(os.getpid())
        return
    sys.stdout.flush()
    os._exit(_wait(child, taken))


def _wait(child: int, taken: set[signal.Signals]) -> int:
    """Pass signals on and wait for all who end; return the child's exit code as a shell would tell it."""
    while (code := _reap(child)) is None:
        number = signal.sigwait(taken)
        if number != signal.SIGCHLD:
            os.kill(child, number)
    return code if code >= 0 else 128 - code


def _reap(child: int) -> int | None:
    """Wait for all who have ended; return the child's exit code if it has."""
    while True:
        # The child is there until it was waited for here.
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return os.waitstatus_to_exitcode(status)
        if pid == 0:
            return None
