"""The logs of requests, as a server tells of these."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from c8ybin.domain.exchanges import Exchange, Told
from c8ybin.fsio.appending import AppendedFile
from c8ybin.logs.access import access_line
from c8ybin.logs.audit import audit_gap, audit_line, is_told
from c8ybin.logs.lines import Lines, to_standard_error
from c8ybin.logs.texts import finished


@dataclass(frozen=True, slots=True)
class LogFile:
    """Where a log is written: a file, or standard error where there is none."""

    path: Path | None

    def try_out(self) -> None:
        """Open it once, and so make it.

        Raises:
            OSError: It cannot be written.
        """
        if self.path:
            file = AppendedFile(self.path)
            file.open()
            file.close()

    def appender(self) -> Callable[[bytes], None]:
        """Return what appends to it."""
        return AppendedFile(self.path).append if self.path else to_standard_error


@dataclass(frozen=True, slots=True)
class Book:
    """Which logs of requests are kept; None: it is not."""

    audit: LogFile | None = None
    access: LogFile | None = None

    @contextmanager
    def opened(self) -> Iterator[Told | None]:
        """Start the threads that write; yield what is to be called with each exchange, None without a log.

        At the end, what waits is written.
        """
        logs: list[tuple[Lines[Exchange], Callable[[Exchange], bool]]] = []
        if self.audit:
            lines = Lines[Exchange](
                "audit log",
                self.audit.appender(),
                lambda exchange: finished(audit_line(exchange)),
                gap=lambda lost: finished(audit_gap(lost)),
            )
            logs.append((lines, is_told))
        if self.access:
            lines = Lines[Exchange](
                "access log", self.access.appender(), lambda exchange: finished(access_line(exchange))
            )
            logs.append((lines, lambda _: True))

        def tell(exchange: Exchange) -> None:
            for lines, wants in logs:
                if wants(exchange):
                    lines.put(exchange)

        for lines, _ in logs:
            lines.start()
        try:
            yield tell if logs else None
        finally:
            for lines, _ in logs:
                lines.close()
