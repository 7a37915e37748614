"""What a client of the load does next, chosen by a seeded generator."""

import hashlib
import random
from typing import Any

from promises import (
    File,
    Plan,
    Request,
    State,
    Upload,
    delete_binary,
    delete_event,
    put_text,
    send_chunk,
    whole,
)


def new_file(rng: random.Random) -> tuple[File, bytes]:
    """Make up a file of 0 bytes to 300 KB, small ones more often than large ones."""
    length = rng.choice([0, 1, 511, 4096, 4097, *(int(2 ** rng.uniform(0, 18.2)) for _ in range(8))])
    data = rng.randbytes(length)
    name = f"{rng.choice(['log', 'Bild 1', 'a,b'])}.{rng.randrange(10**6)}"
    kind = rng.choice(["text/plain", "image/jpeg", "application/x-load; v=1"])
    return File(hashlib.sha256(data).hexdigest(), length, name, kind), data


def new_plan(rng: random.Random, method: str) -> Plan:
    file, data = new_file(rng)
    while not data:
        file, data = new_file(rng)
    inner = rng.sample(range(1, len(data)), min(rng.randint(1, 5), len(data) - 1))
    cuts = (0, *sorted(inner), len(data))
    chunks = range(len(cuts) - 1)
    telling = frozenset([rng.choice(chunks), *(c for c in chunks if rng.random() < 0.3)])
    return Plan(method, file, data, cuts, telling)


def next_request(rng: random.Random, possible: list[State | None], new_text: str) -> Request:
    """Choose what a client might do next with an event in one of these states."""
    states = [state for state in possible if state]
    uploads = [state.upload for state in states if state.upload]
    has_file = any(state.file for state in states)
    choices: list[tuple[int, Any]] = [
        (2, lambda: put_text(new_text)),
        (2, delete_event),
        (1, lambda: whole("POST", *new_file(rng), as_form=rng.random() < 0.5)),
        (3, lambda: whole("PUT", *new_file(rng), as_form=rng.random() < 0.2)),
        (2 if has_file or uploads else 0, delete_binary),
    ]
    if uploads:
        plans = {upload.plan for upload in uploads}
        # Where it is open which of two plans goes on, the later one begins (again).
        choices.append(
            (12, lambda: _go_on(rng, uploads[-1]) if len(plans) == 1 else send_chunk(uploads[-1].plan, 0))
        )
        if all(0 in upload.arrived for upload in uploads):
            choices.append((1, lambda: _begin_anew(rng, plans, "PUT" if has_file else "POST")))
    else:
        method = "PUT" if has_file else rng.choice(["POST", "PUT"])
        choices.append((4, lambda: _go_on(rng, Upload(new_plan(rng, method), frozenset()))))
    choices += [
        (1, lambda s=s: send_chunk(*s.completed_by)) for s in states if s.completed_by and not uploads
    ]
    if not has_file:
        choices.append((5, lambda: whole("POST", *new_file(rng), as_form=rng.random() < 0.4)))
    weights, makers = zip(*choices, strict=True)
    request: Request = rng.choices(makers, weights)[0]()
    return request


def _begin_anew(rng: random.Random, plans: set[Plan], method: str) -> Request:
    """Send other bytes from 0, which begin an upload anew."""
    plan = new_plan(rng, method)
    while plan.data[0] in {other.data[0] for other in plans}:
        plan = new_plan(rng, method)
    return send_chunk(plan, 0)


def _go_on(rng: random.Random, upload: Upload) -> Request:
    """Send a chunk that is missing, in any order, or at times one that arrived before."""
    missing = [chunk for chunk in upload.plan.chunks if chunk not in upload.arrived]
    repeats = sorted(upload.arrived)
    chunks = repeats if not missing or (repeats and rng.random() < 0.15) else missing
    return send_chunk(upload.plan, rng.choice(chunks))
