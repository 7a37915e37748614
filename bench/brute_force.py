"""`python -m bench.brute_force`: guess passwords at a server with two workers, while a device goes on working.

Prints for each way of guessing how many passwords a second were really tried, which is what is answered
401, and how long the device waited meanwhile, which guesses are made at from the same address.
"""

import argparse
import base64
import http.client
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_GUESSERS = 4
_DEVICE_PAUSE_S = 0.01
_PATH = "/user/currentUser"
_C8YBIN = (sys.executable, "-m", "c8ybin")

# Who is guessed and whence, by the number of the guess.
WAYS: dict[str, Callable[[int], tuple[str, str]]] = {
    "one user from one address": lambda _: ("device", "192.0.2.1"),
    "many users from one address": lambda number: (f"user{number}", "192.0.2.2"),
    "one user from many addresses": lambda number: (
        "device",
        f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    ),
}


@dataclass
class Outcome:
    """What a run has shown: the guesses by their status, and the seconds that the device waited for each answer."""

    seconds: float
    guesses: Counter[int] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    device_failures: int = 0

    @property
    def tried_a_second(self) -> float:
        """How many passwords were really tried."""
        return self.guesses[401] / self.seconds

    def wait_ms(self, share: float) -> float:
        """Return what the device waited at most, in this share of its requests."""
        waits = sorted(self.waits_s)
        return 1000 * waits[min(len(waits) - 1, int(share * len(waits)))]


def _ask(connection: http.client.HTTPConnection, account: str, address: str) -> int:
    pair = base64.b64encode(account.encode()).decode()
    connection.request("GET", _PATH, headers={"Authorization": f"Basic {pair}", "X-Forwarded-For": address})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def guess(port: int, way: Callable[[int], tuple[str, str]], seconds: float, password: str) -> Outcome:
    """Guess as fast as some connections can, while the device asks from the first address.

    Args:
        port: Where the server is, on this machine; it trusts 127.0.0.1 as a proxy.
        way: As in `WAYS`.
        seconds: For how long.
        password: Of the account `device`, which is verified before.
    """
    outcome, guard = Outcome(seconds), threading.Lock()
    end = time.monotonic() + seconds

    def attack(first: int) -> None:
        seen: Counter[int] = Counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            number = first
            while time.monotonic() < end:
                name, address = way(number)
                seen[_ask(connection, f"{name}:{secrets.token_hex(8)}", address)] += 1
                number += _GUESSERS
        with guard:
            outcome.guesses += seen

    def work() -> None:
        while time.monotonic() < end:
            # A connection each time, so that it meets each of the workers.
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                begun = time.monotonic()
                status = _ask(connection, f"device:{password}", way(0)[1])
                outcome.waits_s.append(time.monotonic() - begun)
            outcome.device_failures += status != 200
            time.sleep(_DEVICE_PAUSE_S)

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        outcome.device_failures += _ask(connection, f"device:{password}", way(0)[1]) != 200
    threads = [threading.Thread(target=attack, args=(n,)) for n in range(_GUESSERS)]
    threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome


@contextmanager
def served(password: str) -> Iterator[int]:
    """Serve a new data directory with an account `device`; yield the port."""
    folder = Path(tempfile.mkdtemp(prefix="c8ybin-brute-force-", dir="/var/tmp"))
    data = ("--data", str(folder / "data"))
    try:
        subprocess.run(
            [*_C8YBIN, "user", "add", "device", "--password-stdin", *data],
            input=f"{password}\n".encode(),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        server = subprocess.Popen(
            [*_C8YBIN, "serve", *data, "--port", "0", "--workers", "2", "--trusted-proxy", "127.0.0.1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout
            yield int(server.stdout.readline().rpartition(":")[2])
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()  # type: ignore[union-attr]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every way; return 1 where more than one password a second was tried, or the device was refused."""
    parser = argparse.ArgumentParser(
        prog="scripts/brute-force", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for each way (60)")
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.parse_args(arguments)
    rows = []
    for name, way in WAYS.items():
        password = secrets.token_hex(8)
        with served(password) as port:
            outcome = guess(port, way, options.seconds, password)
        rows.append(
            {
                "way": name,
                "seconds": options.seconds,
                "guesses_a_second": round(sum(outcome.guesses.values()) / options.seconds),
                "tried": outcome.guesses[401],
                "tried_a_second": round(outcome.tried_a_second, 2),
                "statuses": dict(sorted(outcome.guesses.items())),
                "device_requests": len(outcome.waits_s),
                "device_failures": outcome.device_failures,
                "device_p50_ms": round(outcome.wait_ms(0.5), 1),
                "device_p99_ms": round(outcome.wait_ms(0.99), 1),
            }
        )
        if not options.json:
            text = "; ".join(f"{key} {value}" for key, value in rows[-1].items())
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    if options.json:
        sys.stdout.write(f"{json.dumps(rows, indent=2)}\n")
    return int(any(row["tried_a_second"] >= 1 or row["device_failures"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
