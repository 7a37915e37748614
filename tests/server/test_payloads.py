"""What must be refused, byte for byte, against the real process; and what is odd but must not be."""

from collections.abc import Iterator

import pytest
from harness import RunningServer, binaries, connected, servers
from payload_runner import CONTENT, SETTINGS, Verdict, send, try_all
from payloads import LEGAL, PAYLOADS, Payload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with servers(tmp_path_factory.mktemp("payloads") / "data") as serve:
        yield serve(*SETTINGS)


@pytest.fixture(scope="module")
def verdicts(server: RunningServer) -> dict[str, Verdict]:
    """What became of each payload; all are sent at once, for the slow ones take seconds."""
    return {verdict.payload.name: verdict for verdict in try_all(server, PAYLOADS)}


def test_each_payload_has_a_name_of_its_own() -> None:
    assert len({payload.name for payload in PAYLOADS}) == len(PAYLOADS) >= 100


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.name)
def test_is_refused_by_one_json_answer_that_ends_the_connection(
    verdicts: dict[str, Verdict], payload: Payload
) -> None:
    verdict = verdicts[payload.name]
    assert not verdict.faults
    assert not verdict.accepted


@pytest.mark.parametrize("payload", LEGAL, ids=lambda payload: payload.name)
def test_what_is_odd_but_right_is_answered(server: RunningServer, payload: Payload) -> None:
    ends = b"GET @PATH HTTP/1.0\r\nAuthorization: @AUTH\r\n\r\n"
    with connected(server) as c:
        path = binaries(c.create_event())
        assert c.ask("PUT", path, CONTENT)[0].status == 201
    answer = send(server.port, Payload(payload.name, payload.raw + ends), path)
    wanted = [*payload.statuses, 200] if b"HTTP/1.0" not in payload.raw else [*payload.statuses]
    assert (answer.statuses, answer.ended) == (wanted, True)


def test_the_server_has_nothing_to_tell_of_it(server: RunningServer, verdicts: dict[str, Verdict]) -> None:
    assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line or "rror" in line]
