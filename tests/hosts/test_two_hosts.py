"""What clients are promised of one server, kept by two on two hosts."""

import json

from fleet import Fleet
from harness import binaries, connected


def test_a_chunk_to_one_and_the_next_to_the_other_make_one_file(fleet: Fleet) -> None:
    one, other = fleet.start_all()
    with connected(one) as here, connected(other) as there:
        event_id = here.create_event()
        for number, connection in enumerate((here, there, here, there, here)):
            answer, body = connection.ask(
                "POST",
                binaries(event_id),
                b"%02d" % number,
                Content_Range=f"{2 * number}-{2 * number + 1}/10",
            )
            assert answer.status == (201 if number == 4 else 200), body
        for connection in (here, there):
            assert connection.ask("GET", binaries(event_id))[1] == b"0001020304"
    assert json.loads(body)["length"] == 10
