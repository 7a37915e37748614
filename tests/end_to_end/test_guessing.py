"""Passwords are guessed at a real server of two workers."""

import time
from pathlib import Path

import pytest
from harness import Serve, connected

from bench.brute_force import WAYS, guess
from c8ybin.accounts import EVENT_READ, Accounts

SECONDS = 2.0
PASSWORD = "right"


@pytest.mark.parametrize(("way", "free", "pause_s"), list(zip(WAYS, (10, 20, 10), (5, 2, 1.8), strict=True)))
def test_few_are_tried_in_both_processes_together_and_a_device_that_works_passes(
    serve: Serve, tmp_path: Path, way: str, free: int, pause_s: float
) -> None:
    server = serve("--trusted-proxy", "127.0.0.1", workers=2)
    accounts = Accounts(tmp_path / "data")
    accounts.add("device", PASSWORD, [EVENT_READ])
    accounts.close()
    begun = time.monotonic()
    outcome = guess(server.port, WAYS[way], SECONDS, PASSWORD)
    # On a slow machine some pauses may be over.
    most = free + (time.monotonic() - begun) / pause_s + 1
    assert free <= outcome.guesses[401] <= most, outcome.guesses
    assert outcome.guesses[429] > 0
    assert set(outcome.guesses) <= {401, 429, 503}
    assert outcome.device_failures == 0


def test_who_waits_is_told_for_how_long_also_without_a_proxy(serve: Serve) -> None:
    server = serve("--demo", workers=2)
    statuses = []
    for number in range(12):
        with connected(server, f"ann:wrong{number}") as c:
            answer, body = c.ask("GET", "/event", X_Forwarded_For=f"192.0.2.{number}")
            statuses.append(answer.status)
    assert statuses == [401] * 10 + [429] * 2
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert b"security/Too Many Requests" in body
    with connected(server) as c:
        assert c.ask("GET", "/event")[0].status == 200
