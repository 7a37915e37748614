"""The watch: this process beats, watches some of the others, and fences those that are silent.

It does so only where several hosts may use the data directory. On one host the kernel
lets the locks of a process go with it, and a beat every second would keep a disk awake.
"""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from c8ybin import fsio
from c8ybin.domain.errors import CutOff
from c8ybin.store.beats import BEAT_EVERY_S, Beat, Ear, Heard
from c8ybin.store.fence import fence, is_fenced, require_in_touch
from c8ybin.store.layout import Layout
from c8ybin.store.writer import Writer

log = logging.getLogger(__name__)

# Who waits for a lock fences those that are silent for so long.
SILENT_S = 5.0
# Whoever watches does it after this: before a file system takes a client's locks away, which it may tell nobody.
LONG_SILENT_S = 8.0
# How many others a process watches: those that follow it in the order of their names.
WATCHED = 3
# From then on the clocks of two hosts differ enough to be told.
CLOCKS_DIFFER_MS = 30_000
_STOP_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.25


class Watch:
    """Beats for this process, and watches the others."""

    def __init__(self, layout: Layout, writer: Writer, now_ms: Callable[[], int]) -> None:
        """Prepare; no thread runs yet.

        Args:
            layout: The paths of the data directory.
            writer: This process.
            now_ms: Its clock.
        """
        self._layout = layout
        self._writer = writer
        # The names of the locks that this process holds, or is about to take.
        self.held: set[str] = set()
        self._beat = Beat(writer, self.held, now_ms)
        self.ear = Ear(layout.tmp, now_ms)
        self._told_clocks: set[str] = set()
        self._told: Callable[[], None] = lambda: None
        # Called when this process has fenced somebody: what that one did not tell the index is missing in lists.
        self.when_fenced: Callable[[], None] = lambda: None
        self._was_cut_off = False
        self._guard = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Beat for the first time, so that this process can be fenced before it changes anything.

        Raises:
            OSError: It cannot.
        """
        self._beat.begin()

    def start(self) -> None:
        """Go on with it in a thread."""
        self._thread = Thread(target=self._run, name="beats", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; the folder of this process must go soon after."""
        self._ended.set()
        if self._thread:
            self._thread.join(_STOP_WITHIN_S)

    def when_cut_off(self, told: Callable[[], None]) -> None:
        """Have a function called once this process finds that others took it for dead, which may have been before."""
        with self._guard:
            self._told = told
            if self._was_cut_off:
                told()

    def others(self) -> list[str]:
        """Return the names of the other writers that are in `tmp/`, in their order."""
        return sorted(name for name in fsio.names(self._layout.tmp) if name != self._writer.name)

    def round(self) -> None:
        """Beat once, and look at those that this process watches.

        Raises:
            CutOff: Others took this process for dead.
            OSError: The file system fails.
        """
        require_in_touch(self._writer)
        self._beat.beat()
        others = self.others()
        self.ear.forget_all_but(others)
        following = [name for name in others if name > self._writer.name]
        preceding = [name for name in others if name < self._writer.name]
        watched = 0
        for name in (*following, *preceding):
            heard = self.ear.hear(name)
            if heard and not is_fenced(self._layout.tmp / name):
                if heard.silent_s >= LONG_SILENT_S:
                    self.fence(name, heard)
                else:
                    watched += 1
            if watched == WATCHED:
                break
        self._tell_clocks()

    def fence(self, name: str, heard: Heard) -> None:
        """Fence a writer that is silent; where it is gone meanwhile there is nothing to do.

        Raises:
            OSError: Nobody knows whether it is done.
        """
        try:
            fence(self._layout.tmp / name)
        except FileNotFoundError:
            return
        host = heard.record["host"] if heard.record else "unknown"
        log.warning("fenced the writer %s of the host %s, silent for %.1f s", name, host, heard.silent_s)
        self.when_fenced()

    def wait_for_others(self) -> None:
        """Wait until each of the others was heard to live since this process began, or is fenced.

        For what a host did not tell whose death came just before: a file system may keep its locks
        for minutes, so by these alone it lives. It takes a second or two, or SILENT_S where one is
        dead; nothing where this process does not watch.

        Raises:
            OSError: The file system fails.
        """
        while self._thread:
            # Each is looked at, for its silence counts only while somebody looks.
            are_told_from_dead = [self._is_told_from_dead(name) for name in self.others()]
            if all(are_told_from_dead) or self._ended.wait(_LOOK_EVERY_S):
                return

    def _is_told_from_dead(self, name: str) -> bool:
        if is_fenced(self._layout.tmp / name):
            return True
        heard = self.ear.hear(name)
        if heard and heard.silent_s >= SILENT_S:
            self.fence(name, heard)
            return True
        # One that does not beat cannot be told from a dead one, however long one waits.
        return heard is None or heard.ahead_ms is not None

    def clocks_differ(self) -> bool:
        """Tell whether the clock of another host differs from this one's by so much that it should be set."""
        return any(abs(ahead_ms) >= CLOCKS_DIFFER_MS for ahead_ms in self.ear.clocks().values())

    def _tell_clocks(self) -> None:
        for host, ahead_ms in self.ear.clocks().items():
            if abs(ahead_ms) < CLOCKS_DIFFER_MS:
                self._told_clocks.discard(host)
            elif host not in self._told_clocks:
                self._told_clocks.add(host)
                log.warning(
                    "the clock of the host %s is %.0f s %s of this one's; let a time service set both",
                    host,
                    abs(ahead_ms) / 1000,
                    "ahead" if ahead_ms > 0 else "behind",
                )

    def _run(self) -> None:
        failed = False
        while not self._ended.wait(BEAT_EVERY_S):
            try:
                self.round()
                failed = False
            except CutOff:
                if not self._ended.is_set():
                    log.error("the others took this process for dead; another takes its place")
                    self._fence_itself()
                    with self._guard:
                        self._was_cut_off = True
                        self._told()
                return
            except Exception as error:  # a thread that nobody waits for must not end unheard
                if not failed and not self._ended.is_set():
                    log.warning("no beat for now: %r", error)
                failed = True

    def _fence_itself(self) -> None:
        """Let nothing come late of what this process has begun: its locks may be somebody else's already."""
        try:
            fence(self._writer.folder)
        except OSError as error:
            log.warning("what this process has begun may come late: %r", error)
