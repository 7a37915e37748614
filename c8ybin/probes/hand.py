"""A process that does what it is told, for what takes two."""

import os
import select
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from c8ybin.probes.primitive import Lacking

# How long an answer is waited for beyond what it was told to take; a file system may hang for good.
PATIENCE_S = 15.0
_END_S = 1.0


class Hand:
    """A forked process that works below one path, and ends with this one, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Fork it; `folder` is the probe's folder as this process shall see it."""
        self.folder = folder
        self._near, far = Pipe()
        self.pid = os.fork()
        if not self.pid:
            self._near.close()
            _obey(far)
        far.close()
        self._is_there = True

    def begin(self, act: Callable[..., Any], *arguments: Any) -> None:
        """Have a function of `acts` called with the folder and arguments; `end` tells what it returned."""
        self._near.send((act, (self.folder, *arguments)))

    def end(self, within_s: float = 0.0) -> Any:
        """Return what that returned.

        Args:
            within_s: How long it was told to take.

        Raises:
            Lacking: No answer came, or what is not there.
            OSError: As the function.
        """
        if not self._near.poll(within_s + PATIENCE_S):
            self.kill()
            raise Lacking(f"no answer within {within_s + PATIENCE_S:.0f} s")
        try:
            answer = self._near.recv()
        except EOFError:
            self.kill()
            raise Lacking("the process that tried it has died") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Have a function called, and return what it returned."""
        self.begin(act, *arguments)
        return self.end()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._is_there:
            self._is_there = False
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._near.close()
            _wait_for(self.pid)

    @property
    def is_there(self) -> bool:
        """Whether it was not ended."""
        return self._is_there


def _wait_for(pid: int) -> None:
    """Wait for a process that was killed; not for long, for a file system that hangs may hold it for ever."""
    if hasattr(os, "pidfd_open"):
        fd = os.pidfd_open(pid)
        try:
            select.select([fd], [], [], _END_S)
        finally:
            os.close(fd)
        os.waitpid(pid, os.WNOHANG)
    else:  # macOS
        os.waitpid(pid, 0)


def _obey(far: Any) -> None:
    """Do what comes until nobody is there to tell any more; never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            act, arguments = far.recv()
            try:
                answer = act(*arguments)
            except (OSError, Lacking) as error:
                answer = error
            far.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
