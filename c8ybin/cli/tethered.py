"""`python -m c8ybin.cli.tethered FOLDER ARGUMENTS…`: the command line, as long as its standard input is open.

For whoever starts a server and may be killed before it can stop it: the end of the pipe is seen then, and the
server stops as on SIGTERM. FOLDER, where it keeps its data, goes too, for nobody else is left to remove it. Who
stops the server otherwise writes a byte first. The environment sets no options.
"""

import os
import shutil
import signal
import sys
from threading import Thread

from c8ybin.cli import main

_BLOCKED = {signal.SIGTERM, signal.SIGINT}
# The kernel closes what a process has open one after the other, the output that is written to maybe first.
_ORPHANED_WITHIN_S = 0.5


class Tether(Thread):
    """Waits for the end of standard input."""

    is_torn = False

    def run(self) -> None:
        """Let the server stop, unless a byte comes first."""
        self.is_torn = not os.read(sys.stdin.fileno(), 1)
        if self.is_torn:
            os.kill(os.getpid(), signal.SIGTERM)


def run() -> None:
    """Run the command line."""
    folder, *arguments = sys.argv[1:]
    for name in [name for name in os.environ if name.startswith("C8YBIN_")]:
        del os.environ[name]
    # The thread that waits is none that signals go to.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    tether = Tether(daemon=True)
    tether.start()
    # Where no server takes it: by default it would end all of this at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        main(arguments, prog_name="c8ybin")
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        tether.join(_ORPHANED_WITHIN_S)
        if tether.is_torn:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run()
