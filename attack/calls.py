"""Shows that are programs of their own: the payload table and the guessing of passwords."""

import json
import subprocess
from typing import Any

from attack.shows import Plan, Row, say
from attack.tools import CHECKOUT
from bench.brute_force import WAYS
from bench.tools import Missing

_PAYLOADS = CHECKOUT / "scripts" / "payloads"
_GUESSING = CHECKOUT / "scripts" / "brute-force"
_WITHIN_S = 900


def _told(*command: str) -> Any:
    """Run a script that writes JSON; what it says by its exit code is in that, too.

    Raises:
        Missing: It is not in this checkout.
    """
    try:
        done = subprocess.run(command, capture_output=True, timeout=_WITHIN_S, check=False)
    except FileNotFoundError:
        raise Missing(f"no {command[0]}") from None
    if not done.stdout.strip():
        raise RuntimeError(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(done.stdout)


def payloads(plan: Plan) -> list[Row]:
    """Send every payload of the table of tests/server to a server."""
    say("the payload table")
    found = _told(str(_PAYLOADS), "--json")
    faults = [one for one in found["each"] if one["faults"]]
    plan.figures["payloads"] = {
        "payloads": found["payloads"],
        "accepted": found["accepted"],
        "faults": faults,
    }
    return [
        Row(
            "payload table",
            f"{found['payloads']} payloads, {found['accepted']} accepted, {len(faults)} refused in another way",
            "0 accepted",
            not (found["accepted"] or faults),
        )
    ]


def _is_slowed(plan: Plan, one: dict[str, Any]) -> bool | None:
    if one["device_failures"]:
        return False
    if one["tried_a_second"] < 1:
        return True
    # Ten or twenty are free, which is more than one a second in a run of seconds.
    return None if plan.quick else False


def guessing(plan: Plan) -> list[Row]:
    """Guess passwords in each way, while a device works under the name that is guessed at."""
    seconds = plan.of(4, 60)
    say(f"guessing passwords, {seconds * len(WAYS)} s")
    found = _told(str(_GUESSING), "--seconds", str(seconds), "--json")
    plan.figures["brute force"] = found
    return [
        Row(
            f"guesses, {one['way']}",
            f"{one['guesses_a_second']:,} a second made, {one['tried_a_second']:g} tried; device p99 "
            f"{one['device_p99_ms']:g} ms, {one['device_failures']} of {one['device_requests']:,} refused",
            "< 1 tried a second, 0 refused",
            _is_slowed(plan, one),
        )
        for one in found
    ]
