"""Which connections are ready: epoll, or poll where there is none (macOS)."""

import select
from threading import Lock

READ = select.POLLIN
WRITE = select.POLLOUT

Events = list[tuple[int, int]]


class EpollLoop:
    """Descriptors that are watched for good, and connections that are armed for one event at a time.

    A connection whose event was told is left alone until it is armed again, by whichever thread
    has it. So nobody else meets it meanwhile, and a thousand idle ones cost a request nothing.

    Source: epoll(7), EPOLLONESHOT.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._known: set[int] = set()

    def watch(self, fd: int) -> None:
        """Tell each time that there is something to read, until `forget`."""
        # Of several processes with one listening socket, not each need wake up.
        self._known.add(fd)
        self._epoll.register(fd, READ | select.EPOLLEXCLUSIVE)

    def arm(self, fd: int, events: int) -> None:
        """Tell once that a connection is ready for one of the events."""
        if fd in self._known:
            self._epoll.modify(fd, events | select.EPOLLONESHOT)
        else:
            self._known.add(fd)
            self._epoll.register(fd, events | select.EPOLLONESHOT)

    def forget(self, fd: int) -> None:
        """Tell of a descriptor no more, if ever; called before it is closed."""
        if fd in self._known:
            self._known.discard(fd)
            self._epoll.unregister(fd)

    def wait(self, timeout_s: float) -> Events:
        """Return what is ready, after `timeout_s` at the latest."""
        return self._epoll.poll(timeout_s)

    def close(self) -> None:
        """End."""
        self._epoll.close()


class PollLoop:
    """The same with poll(2), which learns of what is armed meanwhile when it looks again."""

    _LOOK_AGAIN_S = 0.01

    def __init__(self) -> None:
        self._watched: set[int] = set()
        self._armed: dict[int, int] = {}
        self._lock = Lock()

    def watch(self, fd: int) -> None:
        """See `EpollLoop`."""
        with self._lock:
            self._watched.add(fd)

    def arm(self, fd: int, events: int) -> None:
        """See `EpollLoop`."""
        with self._lock:
            self._armed[fd] = events

    def forget(self, fd: int) -> None:
        """See `EpollLoop`."""
        with self._lock:
            self._watched.discard(fd)
            self._armed.pop(fd, None)

    def wait(self, timeout_s: float) -> Events:
        """See `EpollLoop`."""
        with self._lock:
            wanted = dict.fromkeys(self._watched, READ) | self._armed
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, events)
        ready = poll.poll(1000 * min(timeout_s, self._LOOK_AGAIN_S))
        with self._lock:
            for fd, _ in ready:
                self._armed.pop(fd, None)
        return ready

    def close(self) -> None:
        """End."""


Loop = EpollLoop | PollLoop


def new_loop() -> Loop:
    """Return the best loop of this system."""
    return EpollLoop() if hasattr(select, "epoll") else PollLoop()
