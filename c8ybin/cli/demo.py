"""The account of `--demo`, and what is said of it at the start."""

import shlex
from pathlib import Path

from c8ybin.domain.errors import ListUnavailable
from c8ybin.domain.queries import Paging, Query
from c8ybin.store import Store

NAME = "demo"
PASSWORD = "demo"  # noqa: S105 - known to everybody; the account exists only while --demo runs


def greeting(store: Store, url: str, trusted: Path | None = None) -> str:
    """Say as whom and with what to try the server; `trusted` is a certificate that curl has to be given."""
    try:
        events = store.listing.find(Query(), Paging(page_size=100)).events
    except ListUnavailable:
        events = ()  # a start waits for no list
    full = [event.id for event in events if event.binary]
    free = [event.id for event in events if not event.binary and not event.upload]
    curl = f"  curl -u {NAME}:{PASSWORD}" + (f" --cacert {shlex.quote(str(trusted))}" if trusted else "")
    lines = [f"Account {NAME}, password {PASSWORD}. Try:", f"{curl} '{url}/event/events?pageSize=10'"]
    if full:
        lines.append(f"{curl} -OJ {url}/event/events/{full[0]}/binaries")
    if free:
        lines.append(f"{curl} -H 'Content-Type: text/plain' -d hello {url}/event/events/{free[0]}/binaries")
    return "\n".join(lines)
